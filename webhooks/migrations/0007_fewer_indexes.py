"""Old rows are found by ranges of blocks; nobody lists the deliveries of a whole organization."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0006_object_grants'),
        ('webhooks', '0006_closed_organizations'),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name='webhookattempt',
            name='webhookattempt_by_age',
        ),
        migrations.RemoveIndex(
            model_name='webhookdelivery',
            name='webhookdelivery_by_org_at',
        ),
        migrations.RemoveIndex(
            model_name='webhookmessage',
            name='webhookmessage_by_org_at',
        ),
        migrations.RemoveIndex(
            model_name='webhookmessage',
            name='webhookmessage_by_age',
        ),
        migrations.AddIndex(
            model_name='webhookattempt',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='webhookattempt_by_age'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['occurred_at'], name='webhookmessage_by_time'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=django.contrib.postgres.indexes.BrinIndex(fields=['created_at'], name='webhookmessage_by_age'),
        ),
    ]
