import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_suspended_until")]

    operations = [
        migrations.CreateModel(
            name="Broadcast",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("title", models.CharField(max_length=150)),
                ("body", models.TextField(max_length=2000)),
                ("link", models.CharField(blank=True, max_length=300)),
                ("by_mail", models.BooleanField(default=True)),
                ("in_app", models.BooleanField(default=True)),
                ("audience", models.JSONField(blank=True, default=dict)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("DRAFT", "Draft"),
                            ("SENDING", "Sending"),
                            ("SENT", "Sent"),
                            ("CANCELED", "Canceled"),
                        ],
                        default="DRAFT",
                        max_length=8,
                    ),
                ),
                ("people_total", models.PositiveIntegerField(default=0)),
                ("people_done", models.PositiveIntegerField(default=0)),
                ("mails_done", models.PositiveIntegerField(default=0)),
                ("last_user_id", models.BigIntegerField(default=0, editable=False)),
                ("up_to_user_id", models.BigIntegerField(default=0, editable=False)),
                ("started_at", models.DateTimeField(blank=True, null=True)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                (
                    "created_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=Q(("status", "SENDING")), fields=["id"], name="broadcast_sending"),
                    models.Index(fields=["-created_at", "-id"], name="broadcast_by_created_at"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(("by_mail", True), ("in_app", True), _connector="OR"),
                        name="broadcast_reaches_somebody",
                    ),
                    models.CheckConstraint(
                        condition=Q(
                            ("link", ""),
                            Q(("link__startswith", "/"), Q(("link__regex", r"^/[/\\]"), _negated=True)),
                            _connector="OR",
                        ),
                        name="broadcast_link_is_path",
                    ),
                    models.CheckConstraint(
                        condition=Q(status="DRAFT", started_at=None, finished_at=None)
                        | Q(status="SENDING", started_at__isnull=False, finished_at=None)
                        | Q(status="SENT", started_at__isnull=False, finished_at__isnull=False)
                        | Q(status="CANCELED", finished_at__isnull=False),
                        name="broadcast_times",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BroadcastRecipient",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "broadcast",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recipients",
                        to="accounts.broadcast",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="broadcasts_received",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("broadcast", "user"), name="broadcastrecipient_once"),
                ],
            },
        ),
    ]
