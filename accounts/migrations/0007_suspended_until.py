from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_notice")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="suspended_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.CheckConstraint(
                condition=Q(("suspended_until", None), ("status", "SUSPENDED"), _connector="OR"),
                name="user_suspended_until_while_suspended",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=Q(("suspended_until__isnull", False)),
                fields=["suspended_until"],
                name="user_suspended_until",
            ),
        ),
        migrations.AddIndex(
            model_name="user",
            index=models.Index(fields=["-created_at", "-id"], name="user_by_created_at"),
        ),
    ]
