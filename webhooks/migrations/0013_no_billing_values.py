from django.db import migrations

# What `organization.updated` told of billing details before it told only that they changed: such messages are still in
# the log and the feed, and would be sent again as they are.
REDACT = """
UPDATE webhooks_webhookmessage AS message
SET payload = jsonb_set(message.payload, '{data}', (
    SELECT jsonb_object_agg(part.key, CASE WHEN jsonb_typeof(part.value) <> 'object' THEN part.value ELSE (
        SELECT COALESCE(jsonb_object_agg(told.key, CASE
            WHEN told.key IN ('billing_name', 'billing_email', 'billing_address', 'tax_id')
                AND told.value NOT IN ('""', '{}', 'null')
            THEN '"[redacted]"'::jsonb ELSE told.value END
        ), '{}') FROM jsonb_each(part.value) AS told
    ) END)
    FROM jsonb_each(message.payload -> 'data') AS part
))
WHERE message.event_type = 'organization.updated' AND NOT message.is_test
    AND (message.payload -> 'data' -> 'before') ?| ARRAY['billing_name', 'billing_email', 'billing_address', 'tax_id'];
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0012_held_by_locks")]

    operations = [migrations.RunSQL(REDACT, migrations.RunSQL.noop)]
