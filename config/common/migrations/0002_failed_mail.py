from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("common", "0001_initial")]

    operations = [
        migrations.AddField(
            "outgoingmail",
            "last_error",
            models.CharField(max_length=200, blank=True, default=""),
            preserve_default=False,
        ),
        migrations.AddIndex(
            "outgoingmail",
            models.Index(
                fields=["failed_at"],
                name="outgoingmail_failed",
                condition=models.Q(failed_at__isnull=False),
            ),
        ),
    ]
