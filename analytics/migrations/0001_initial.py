"""Tables of usage: the partitioned log of calls, the roll-ups, and how far each source has been read."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


# Django cannot declare partitions. A request id is unique within its day: each partition carries that index itself,
# since an index over the whole table would have to hold the time as well. Partitions are made by
# analytics.services.partitions.
CREATE_LOG = """
CREATE TABLE analytics_apiusagelog (
    at timestamptz NOT NULL,
    organization_id bigint NOT NULL,
    api_key_id bigint NOT NULL,
    api_id bigint NOT NULL,
    rule_id bigint NOT NULL,
    units bigint NOT NULL,
    bytes_in bigint CHECK (bytes_in >= 0),
    bytes_out bigint CHECK (bytes_out >= 0),
    latency_ms integer CHECK (latency_ms >= 0),
    status smallint CHECK (status >= 0),
    request_id varchar(64) NOT NULL,
    environment varchar(4) NOT NULL,
    method varchar(16) NOT NULL,
    path varchar(512) NOT NULL,
    route varchar(200) NOT NULL,
    outcome varchar(32) NOT NULL,
    address inet,
    user_agent varchar(200) NOT NULL,
    tags jsonb
) PARTITION BY RANGE (at);
CREATE INDEX usagelog_by_organization_at ON analytics_apiusagelog (organization_id, at);
CREATE INDEX usagelog_by_api_key_at ON analytics_apiusagelog (api_key_id, at);
CREATE INDEX usagelog_by_at ON analytics_apiusagelog USING brin (at) WITH (pages_per_range = 32);
"""

# Rows of the present hour change every second: room on their pages keeps the changes there.
LEAVE_ROOM = """
ALTER TABLE analytics_hourlyusage SET (fillfactor = 70);
ALTER TABLE analytics_hourlykeyusage SET (fillfactor = 70);
ALTER TABLE analytics_dailyrouteusage SET (fillfactor = 70);
ALTER TABLE analytics_dailyusage SET (fillfactor = 70);
"""


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('apikeys', '0001_initial'),
        ('organizations', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccessLogPosition',
            fields=[
                ('path', models.CharField(max_length=400, primary_key=True, serialize=False)),
                ('inode', models.BigIntegerField(db_default=0)),
                ('offset', models.BigIntegerField(db_default=0)),
                ('head', models.CharField(blank=True, max_length=64)),
                ('updated_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='IngestCheckpoint',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('last_id', models.CharField(max_length=40)),
                ('updated_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='RejectedEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('stream_id', models.CharField(max_length=40)),
                ('payload', models.TextField()),
                ('reason', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(models.F('stream_id'), django.db.models.functions.text.MD5('payload'), name='rejectedevent_unique')],
            },
        ),
        migrations.CreateModel(
            name='WaitingReport',
            fields=[
                ('request_id', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('status', models.PositiveSmallIntegerField()),
                ('latency_ms', models.PositiveIntegerField()),
                ('bytes_in', models.BigIntegerField()),
                ('bytes_out', models.BigIntegerField()),
                ('attempts', models.PositiveSmallIntegerField(db_default=0)),
                ('retry_at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['retry_at'], name='waitingreport_by_retry_at')],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(CREATE_LOG, 'DROP TABLE analytics_apiusagelog')],
            state_operations=[
                migrations.CreateModel(
                    name='ApiUsageLog',
                    fields=[
                        ('request_id', models.CharField(max_length=64, primary_key=True, serialize=False)),
                        ('at', models.DateTimeField()),
                        ('api_id', models.BigIntegerField(default=0)),
                        ('rule_id', models.BigIntegerField(default=0)),
                        ('environment', models.CharField(max_length=4)),
                        ('method', models.CharField(max_length=16)),
                        ('path', models.CharField(max_length=512)),
                        ('route', models.CharField(max_length=200)),
                        ('outcome', models.CharField(max_length=32)),
                        ('units', models.BigIntegerField()),
                        ('address', models.GenericIPAddressField(blank=True, null=True)),
                        ('user_agent', models.CharField(blank=True, max_length=200)),
                        ('tags', models.JSONField(blank=True, null=True)),
                        ('status', models.PositiveSmallIntegerField(blank=True, null=True)),
                        ('latency_ms', models.PositiveIntegerField(blank=True, null=True)),
                        ('bytes_in', models.BigIntegerField(blank=True, null=True)),
                        ('bytes_out', models.BigIntegerField(blank=True, null=True)),
                        ('api_key', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='apikeys.apikey')),
                        ('organization', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='organizations.organization')),
                    ],
                    options={
                        'verbose_name': 'call',
                        'indexes': [models.Index(fields=['organization', 'at'], name='usagelog_by_organization_at'), models.Index(fields=['api_key', 'at'], name='usagelog_by_api_key_at'), django.contrib.postgres.indexes.BrinIndex(fields=['at'], name='usagelog_by_at', pages_per_range=32)],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name='DailyRouteUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('calls', models.BigIntegerField(db_default=0)),
                ('allowed', models.BigIntegerField(db_default=0)),
                ('rate_limited', models.BigIntegerField(db_default=0)),
                ('quota_exceeded', models.BigIntegerField(db_default=0)),
                ('insufficient_credits', models.BigIntegerField(db_default=0)),
                ('denied', models.BigIntegerField(db_default=0)),
                ('units', models.BigIntegerField(db_default=0)),
                ('reported', models.BigIntegerField(db_default=0)),
                ('client_errors', models.BigIntegerField(db_default=0)),
                ('server_errors', models.BigIntegerField(db_default=0)),
                ('bytes_in', models.BigIntegerField(db_default=0)),
                ('bytes_out', models.BigIntegerField(db_default=0)),
                ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None)),
                ('day', models.DateField()),
                ('api_id', models.BigIntegerField(db_default=0)),
                ('route', models.CharField(max_length=200)),
                ('organization', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='organizations.organization')),
            ],
            options={
                'verbose_name': 'day of a route',
                'verbose_name_plural': 'days of routes',
                'constraints': [models.UniqueConstraint(fields=('organization', 'day', 'api_id', 'route'), include=('calls', 'allowed', 'rate_limited', 'quota_exceeded', 'insufficient_credits', 'denied', 'units', 'client_errors', 'server_errors'), name='dailyrouteusage_unique')],
            },
        ),
        migrations.CreateModel(
            name='DailyUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('calls', models.BigIntegerField(db_default=0)),
                ('allowed', models.BigIntegerField(db_default=0)),
                ('rate_limited', models.BigIntegerField(db_default=0)),
                ('quota_exceeded', models.BigIntegerField(db_default=0)),
                ('insufficient_credits', models.BigIntegerField(db_default=0)),
                ('denied', models.BigIntegerField(db_default=0)),
                ('units', models.BigIntegerField(db_default=0)),
                ('reported', models.BigIntegerField(db_default=0)),
                ('client_errors', models.BigIntegerField(db_default=0)),
                ('server_errors', models.BigIntegerField(db_default=0)),
                ('bytes_in', models.BigIntegerField(db_default=0)),
                ('bytes_out', models.BigIntegerField(db_default=0)),
                ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None)),
                ('day', models.DateField()),
                ('organization', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='organizations.organization')),
            ],
            options={
                'verbose_name': 'day of an organization',
                'verbose_name_plural': 'days of organizations',
                'constraints': [models.UniqueConstraint(fields=('organization', 'day'), include=('calls', 'allowed', 'rate_limited', 'quota_exceeded', 'insufficient_credits', 'denied', 'units', 'client_errors', 'server_errors'), name='dailyusage_unique')],
            },
        ),
        migrations.CreateModel(
            name='HourlyKeyUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('calls', models.BigIntegerField(db_default=0)),
                ('allowed', models.BigIntegerField(db_default=0)),
                ('rate_limited', models.BigIntegerField(db_default=0)),
                ('quota_exceeded', models.BigIntegerField(db_default=0)),
                ('insufficient_credits', models.BigIntegerField(db_default=0)),
                ('denied', models.BigIntegerField(db_default=0)),
                ('units', models.BigIntegerField(db_default=0)),
                ('reported', models.BigIntegerField(db_default=0)),
                ('client_errors', models.BigIntegerField(db_default=0)),
                ('server_errors', models.BigIntegerField(db_default=0)),
                ('bytes_in', models.BigIntegerField(db_default=0)),
                ('bytes_out', models.BigIntegerField(db_default=0)),
                ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None)),
                ('hour', models.DateTimeField()),
                ('api_key', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='apikeys.apikey')),
                ('organization', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='organizations.organization')),
            ],
            options={
                'verbose_name': 'hour of a key',
                'verbose_name_plural': 'hours of keys',
                'constraints': [models.UniqueConstraint(fields=('organization', 'api_key', 'hour'), include=('calls', 'allowed', 'rate_limited', 'quota_exceeded', 'insufficient_credits', 'denied', 'units', 'client_errors', 'server_errors'), name='hourlykeyusage_unique')],
            },
        ),
        migrations.CreateModel(
            name='HourlyUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('calls', models.BigIntegerField(db_default=0)),
                ('allowed', models.BigIntegerField(db_default=0)),
                ('rate_limited', models.BigIntegerField(db_default=0)),
                ('quota_exceeded', models.BigIntegerField(db_default=0)),
                ('insufficient_credits', models.BigIntegerField(db_default=0)),
                ('denied', models.BigIntegerField(db_default=0)),
                ('units', models.BigIntegerField(db_default=0)),
                ('reported', models.BigIntegerField(db_default=0)),
                ('client_errors', models.BigIntegerField(db_default=0)),
                ('server_errors', models.BigIntegerField(db_default=0)),
                ('bytes_in', models.BigIntegerField(db_default=0)),
                ('bytes_out', models.BigIntegerField(db_default=0)),
                ('latency', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), db_default=[], size=None)),
                ('hour', models.DateTimeField()),
                ('organization', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='organizations.organization')),
            ],
            options={
                'verbose_name': 'hour of an organization',
                'verbose_name_plural': 'hours of organizations',
                'constraints': [models.UniqueConstraint(fields=('organization', 'hour'), include=('calls', 'allowed', 'rate_limited', 'quota_exceeded', 'insufficient_credits', 'denied', 'units', 'client_errors', 'server_errors'), name='hourlyusage_unique')],
            },
        ),
        migrations.RunSQL(LEAVE_ROOM, migrations.RunSQL.noop),
    ]
