import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0004_custom_roles'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='OrganizationInvitation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('email', models.EmailField(max_length=254)),
                ('role', models.CharField(choices=[('OWNER', 'Owner'), ('ADMIN', 'Admin'), ('MEMBER', 'Member'), ('VIEWER', 'Viewer')], max_length=6)),
                ('status', models.CharField(choices=[('PENDING', 'Pending'), ('ACCEPTED', 'Accepted'), ('DECLINED', 'Declined'), ('REVOKED', 'Revoked'), ('EXPIRED', 'Expired')], default='PENDING', max_length=8)),
                ('digest', models.BinaryField(max_length=32, unique=True)),
                ('sent_times', django.contrib.postgres.fields.ArrayField(base_field=models.DateTimeField(), size=None)),
                ('expires_at', models.DateTimeField()),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.AddField(
            model_name='organizationinvitation',
            name='custom_role',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='invitations', to='organizations.customrole'),
        ),
        migrations.AddField(
            model_name='organizationinvitation',
            name='invited_by',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='organizationinvitation',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='invitations', to='organizations.organization'),
        ),
        migrations.AddIndex(
            model_name='organizationinvitation',
            index=models.Index(models.F('organization'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='invitation_by_organization_at'),
        ),
        migrations.AddIndex(
            model_name='organizationinvitation',
            index=models.Index(models.F('email'), models.OrderBy(models.F('created_at'), descending=True), name='invitation_by_email'),
        ),
        migrations.AddIndex(
            model_name='organizationinvitation',
            index=models.Index(condition=models.Q(('status', 'PENDING')), fields=['expires_at'], name='invitation_by_expiry'),
        ),
        migrations.AddConstraint(
            model_name='organizationinvitation',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'PENDING')), fields=('organization', 'email'), name='invitation_pending_unique'),
        ),
        migrations.AddConstraint(
            model_name='organizationinvitation',
            constraint=models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower(models.F('email')))), name='invitation_email_lower'),
        ),
        migrations.AddConstraint(
            model_name='organizationinvitation',
            constraint=models.CheckConstraint(condition=models.Q(('role__in', ['OWNER', 'ADMIN', 'MEMBER', 'VIEWER'])), name='invitation_role_known'),
        ),
        migrations.AddConstraint(
            model_name='organizationinvitation',
            constraint=models.CheckConstraint(condition=models.Q(('custom_role__isnull', True), ('role', 'VIEWER'), _connector='OR'), name='invitation_custom_role_ranks_low'),
        ),
        migrations.AddConstraint(
            model_name='organizationinvitation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('status', 'PENDING')), models.Q(models.Q(('status', 'PENDING'), _negated=True), ('closed_at__isnull', False)), _connector='OR'), name='invitation_closed_complete'),
        ),
        migrations.RunSQL(
            "ALTER TABLE organizations_organizationinvitation ADD CONSTRAINT invitation_custom_role_at_home FOREIGN KEY (organization_id, custom_role_id) "
            "REFERENCES organizations_customrole (organization_id, id) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE organizations_organizationinvitation DROP CONSTRAINT invitation_custom_role_at_home",
        ),
    ]
