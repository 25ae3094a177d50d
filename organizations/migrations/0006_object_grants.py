import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('contenttypes', '0002_remove_content_type_name'),
        ('organizations', '0005_invitations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='organization',
            options={'permissions': [('organization_read', 'organization:read'), ('organization_write', 'organization:write'), ('organization_close', 'organization:close'), ('security_write', 'security:write'), ('members_read', 'members:read'), ('members_write', 'members:write'), ('roles_write', 'roles:write'), ('owners_write', 'owners:write'), ('keys_read', 'keys:read'), ('keys_write', 'keys:write'), ('usage_read', 'usage:read'), ('webhooks_read', 'webhooks:read'), ('webhooks_write', 'webhooks:write'), ('billing_read', 'billing:read'), ('billing_write', 'billing:write'), ('audit_read', 'audit:read'), ('audit_acknowledge', 'audit:acknowledge')]},
        ),
        migrations.CreateModel(
            name='ObjectGrant',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('object_pk', models.CharField(max_length=255, verbose_name='object ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.AddField(
            model_name='objectgrant',
            name='content_type',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='contenttypes.contenttype'),
        ),
        migrations.AddField(
            model_name='objectgrant',
            name='granted_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='objectgrant',
            name='member',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='object_grants', to='organizations.organizationmember'),
        ),
        migrations.AddField(
            model_name='objectgrant',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='object_grants', to='organizations.organization'),
        ),
        migrations.AddField(
            model_name='objectgrant',
            name='permission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='auth.permission'),
        ),
        migrations.AddField(
            model_name='objectgrant',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddIndex(
            model_name='objectgrant',
            index=models.Index(fields=['content_type', 'object_pk'], name='object_grant_by_object'),
        ),
        migrations.AddIndex(
            model_name='objectgrant',
            index=models.Index(models.F('organization'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='object_grant_by_organization'),
        ),
        migrations.AddConstraint(
            model_name='objectgrant',
            constraint=models.UniqueConstraint(fields=('user', 'permission', 'object_pk'), name='object_grant_unique'),
        ),
    ]
