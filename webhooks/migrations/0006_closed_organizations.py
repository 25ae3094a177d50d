from django.db import migrations, models
from django.db.models import Q

_BEFORE = ['customer', 'staff', 'gone', 'failing']


class Migration(migrations.Migration):

    dependencies = [('webhooks', '0005_claims_in_place')]

    operations = [
        migrations.AlterField(
            model_name='webhook',
            name='disabled_reason',
            field=models.CharField(blank=True, choices=[('', 'Enabled'), ('customer', 'Switched off by the organization'), ('staff', 'Switched off by staff'), ('gone', 'It answered 410 Gone'), ('failing', 'It failed for five days without one success'), ('closed', 'The organization was closed')], default='', max_length=8),
        ),
        migrations.RemoveConstraint(model_name='webhook', name='webhook_disabled_with_reason'),
        migrations.AddConstraint(
            model_name='webhook',
            constraint=models.CheckConstraint(condition=Q(Q(('disabled_at', None), ('disabled_reason', '')), Q(('disabled_at__isnull', False), ('disabled_reason__in', [*_BEFORE, 'closed'])), _connector='OR'), name='webhook_disabled_with_reason'),
        ),
    ]
