import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_deletion_reminder")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=60)),
                ("title", models.CharField(max_length=150)),
                ("body", models.TextField(blank=True, max_length=2000)),
                (
                    "link",
                    models.CharField(
                        blank=True, help_text="A path of the portal, where there is more.", max_length=300
                    ),
                ),
                ("dedup_key", models.CharField(blank=True, max_length=120, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "-created_at", "-id"], name="notice_by_user_at"),
                    models.Index(condition=Q(("read_at", None)), fields=["user"], name="notice_unread"),
                    models.Index(fields=["created_at"], name="notice_by_age"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("dedup_key__isnull", False)), fields=("user", "dedup_key"), name="notice_once"
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("link", ""),
                            Q(("link__startswith", "/"), Q(("link__regex", r"^/[/\\]"), _negated=True)),
                            _connector="OR",
                        ),
                        name="notice_link_is_path",
                    ),
                ],
            },
        ),
    ]
