"""Of what is written for every delivery: no constraint that another one stands for, no index beside a wider one."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0006_object_grants'),
        ('webhooks', '0009_closed_are_told_nothing'),
    ]

    operations = [
        migrations.AlterField(
            model_name='webhookattempt',
            name='delivery',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='log', to='webhooks.webhookdelivery'),
        ),
        migrations.AlterField(
            model_name='webhookattempt',
            name='webhook',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='attempts', to='webhooks.webhook'),
        ),
        migrations.AlterField(
            model_name='webhookdelivery',
            name='organization',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='organizations.organization'),
        ),
        migrations.AlterField(
            model_name='webhookmessage',
            name='message_id',
            field=models.CharField(max_length=40),
        ),
        migrations.AlterField(
            model_name='webhookmessage',
            name='organization',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='webhook_messages', to='organizations.organization'),
        ),
        migrations.AddConstraint(
            model_name='webhookmessage',
            constraint=models.UniqueConstraint(fields=('message_id',), name='webhookmessage_id_unique'),
        ),
    ]
