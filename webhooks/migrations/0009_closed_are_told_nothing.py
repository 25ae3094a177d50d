from django.db import migrations

# What a closing stops since it reaches webhooks, of organizations that were closed before.
STOP = """
UPDATE webhooks_webhook endpoint
SET disabled_at = now(), disabled_reason = 'closed', circuit_open_until = NULL, updated_at = now()
FROM organizations_organization closed
WHERE closed.id = endpoint.organization_id AND closed.status = 'CLOSED' AND endpoint.disabled_at IS NULL;
UPDATE webhooks_webhookdelivery waiting
SET status = 'CANCELED', next_attempt_at = NULL, leased_until = NULL, completed_at = now()
FROM webhooks_webhook endpoint
JOIN organizations_organization closed ON closed.id = endpoint.organization_id
WHERE endpoint.id = waiting.webhook_id AND closed.status = 'CLOSED' AND waiting.status = 'PENDING';
"""


class Migration(migrations.Migration):
    dependencies = [
        ("webhooks", "0008_positions_at_hand_out"),
        ("organizations", "0003_closing_and_security_policy"),
    ]

    operations = [migrations.RunSQL(STOP, migrations.RunSQL.noop)]
