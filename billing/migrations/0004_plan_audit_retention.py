from django.db import migrations, models
from django.db.models import Q

DAYS = {"FREE": 30, "BASIC": 90, "PRO": 365, "ENTERPRISE": 730}


def give_days(apps, _schema_editor):
    plans = apps.get_model("billing", "Plan").objects
    for code, days in DAYS.items():
        plans.filter(code=code).update(audit_retention_days=days)


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_plans")]

    operations = [
        migrations.AddField(
            "plan",
            "audit_retention_days",
            models.PositiveIntegerField(
                default=365, help_text="How many days back members see the audit log."
            ),
        ),
        migrations.RunPython(give_days, migrations.RunPython.noop),
        migrations.AddConstraint(
            "plan",
            models.CheckConstraint(
                name="plan_audit_retention", condition=Q(audit_retention_days__gt=0)
            ),
        ),
    ]
