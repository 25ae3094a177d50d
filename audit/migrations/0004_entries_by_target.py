from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_counted_and_noted_security_events")]

    operations = [
        migrations.AddIndex(
            "auditlog",
            models.Index(fields=["target_type", "target_id", "-id"], name="auditlog_by_target"),
        ),
    ]
