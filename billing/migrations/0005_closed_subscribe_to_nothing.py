from django.db import migrations

# What a closing ends since it reaches subscriptions, of organizations that were closed before.
END = """
UPDATE billing_subscription agreed
SET status = 'CANCELED', canceled_at = closed.closed_at, updated_at = now()
FROM organizations_organization closed
WHERE closed.id = agreed.organization_id AND closed.status = 'CLOSED' AND agreed.status = 'ACTIVE'
"""


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0004_plan_audit_retention"),
        ("organizations", "0003_closing_and_security_policy"),
    ]

    operations = [migrations.RunSQL(END, migrations.RunSQL.noop)]
