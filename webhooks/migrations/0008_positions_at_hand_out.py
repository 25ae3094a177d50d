"""A place in the feed is given when a message is handed out: an id says when it was written, not when it was committed."""

from django.db import migrations, models

_SEQUENCE = """
    CREATE SEQUENCE webhooks_webhookmessage_position OWNED BY webhooks_webhookmessage.position;
    SELECT setval('webhooks_webhookmessage_position', coalesce(max(id), 0) + 1, false) FROM webhooks_webhookmessage;
    UPDATE webhooks_webhookmessage SET position = id WHERE fanned_out_at IS NOT NULL AND NOT is_test;
"""


class Migration(migrations.Migration):

    dependencies = [('webhooks', '0007_fewer_indexes')]

    operations = [
        migrations.AddField(
            model_name='webhookmessage',
            name='position',
            field=models.BigIntegerField(blank=True, null=True),
        ),
        migrations.RunSQL(_SEQUENCE, 'DROP SEQUENCE webhooks_webhookmessage_position'),
        migrations.RemoveIndex(model_name='webhookmessage', name='webhookmessage_feed'),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(fields=['organization', 'position'], name='webhookmessage_feed'),
        ),
    ]
