from django.db import migrations, models
from django.db.models import F, Q


def seen_when_made(apps, _schema_editor):
    apps.get_model("audit", "SecurityEvent").objects.update(last_seen_at=F("created_at"))


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_append_only")]

    operations = [
        migrations.AddField(
            "securityevent", "count", models.PositiveIntegerField(default=1)
        ),
        migrations.AddField("securityevent", "last_seen_at", models.DateTimeField(null=True)),
        migrations.RunPython(seen_when_made, migrations.RunPython.noop),
        migrations.AlterField("securityevent", "last_seen_at", models.DateTimeField()),
        migrations.AddField(
            "securityevent",
            "fold",
            models.CharField(max_length=64, null=True, unique=True, editable=False),
        ),
        migrations.AddField(
            "securityevent",
            "acknowledged_note",
            models.CharField(max_length=300, blank=True, default=""),
            preserve_default=False,
        ),
        migrations.RemoveConstraint("securityevent", "securityevent_acknowledged_by_someone"),
        migrations.AddConstraint(
            "securityevent",
            models.CheckConstraint(
                name="securityevent_acknowledged_by_someone",
                condition=Q(acknowledged_at=None, acknowledged_by_id=None, acknowledged_note="")
                | Q(acknowledged_at__isnull=False, acknowledged_by_id__isnull=False),
            ),
        ),
        migrations.AddConstraint(
            "securityevent",
            models.CheckConstraint(name="securityevent_seen", condition=Q(count__gte=1)),
        ),
        migrations.AddIndex(
            "securityevent",
            models.Index(fields=["user_id", "-created_at"], name="securityevent_by_user_at"),
        ),
    ]
