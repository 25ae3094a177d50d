import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0002_triggers'),
        ('webhooks', '0002_endpoints_and_deliveries'),
    ]

    operations = [
        migrations.CreateModel(
            name='FeedPosition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('consumer', models.CharField(max_length=40)),
                ('position', models.BigIntegerField()),
                ('acknowledged_at', models.DateTimeField()),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='feed_positions', to='organizations.organization')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('organization', 'consumer'), name='feedposition_unique'), models.CheckConstraint(condition=models.Q(('position__gte', 0)), name='feedposition_not_negative')],
            },
        ),
    ]
