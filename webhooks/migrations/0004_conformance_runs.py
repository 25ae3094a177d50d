import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0002_triggers'),
        ('webhooks', '0003_feed_positions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ConformanceRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('QUEUED', 'Waiting'), ('RUNNING', 'Running'), ('FINISHED', 'Finished'), ('FAILED', 'Not finished')], default='QUEUED', max_length=8)),
                ('url', models.CharField(max_length=2048)),
                ('probes_total', models.PositiveSmallIntegerField()),
                ('results', models.JSONField(default=list)),
                ('score', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('grade', models.CharField(blank=True, default='', max_length=1)),
                ('starts', models.PositiveSmallIntegerField(default=0)),
                ('leased_until', models.DateTimeField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('completed_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('organization', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='organizations.organization')),
                ('requested_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('webhook', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='conformance_runs', to='webhooks.webhook')),
            ],
            options={
                'indexes': [models.Index(models.F('webhook'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='conformancerun_by_webhook_at'), models.Index(models.F('organization'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='conformancerun_by_org_at'), models.Index(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=['id'], name='conformancerun_open')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status__in', ['QUEUED', 'RUNNING'])), fields=('webhook',), name='conformancerun_one_open'), models.CheckConstraint(condition=models.Q(('status__in', ['QUEUED', 'RUNNING', 'FINISHED', 'FAILED'])), name='conformancerun_status_known'), models.CheckConstraint(condition=models.Q(models.Q(('grade__in', ['A', 'B', 'C', 'D', 'F']), ('score__isnull', False), ('status', 'FINISHED'), ('score__lte', 100)), models.Q(models.Q(('status', 'FINISHED'), _negated=True), ('grade', ''), ('score', None)), _connector='OR'), name='conformancerun_graded_when_finished'), models.CheckConstraint(condition=models.Q(models.Q(('completed_at', None), ('status__in', ['QUEUED', 'RUNNING'])), models.Q(('completed_at__isnull', False), ('status__in', ['FINISHED', 'FAILED'])), _connector='OR'), name='conformancerun_completed_when_over')],
            },
        ),
    ]
