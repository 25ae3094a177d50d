import django.contrib.postgres.fields
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('organizations', '0003_closing_and_security_policy'),
    ]

    operations = [
        migrations.CreateModel(
            name='CustomRole',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('name', models.CharField(max_length=60)),
                ('description', models.CharField(blank=True, max_length=300)),
                ('permissions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), size=None)),
            ],
        ),
        migrations.AddField(
            model_name='customrole',
            name='organization',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='custom_roles', to='organizations.organization'),
        ),
        migrations.AddField(
            model_name='organizationmember',
            name='custom_role',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='organizations.customrole'),
        ),
        migrations.AddConstraint(
            model_name='organizationmember',
            constraint=models.CheckConstraint(condition=models.Q(('custom_role__isnull', True), ('role', 'VIEWER'), _connector='OR'), name='member_custom_role_ranks_low'),
        ),
        migrations.AddIndex(
            model_name='customrole',
            index=models.Index(models.F('organization'), models.OrderBy(models.F('created_at'), descending=True), models.OrderBy(models.F('id'), descending=True), name='custom_role_by_organization_at'),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.UniqueConstraint(models.F('organization'), django.db.models.functions.text.Lower('name'), name='custom_role_unique'),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.UniqueConstraint(fields=('organization', 'id'), name='custom_role_of_organization'),
        ),
        migrations.AddConstraint(
            model_name='customrole',
            constraint=models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='custom_role_name_given'),
        ),
        # A member's custom role is one of the same organization.
        migrations.RunSQL(
            "ALTER TABLE organizations_organizationmember ADD CONSTRAINT member_custom_role_at_home FOREIGN KEY (organization_id, custom_role_id) "
            "REFERENCES organizations_customrole (organization_id, id) DEFERRABLE INITIALLY DEFERRED",
            "ALTER TABLE organizations_organizationmember DROP CONSTRAINT member_custom_role_at_home",
        ),
    ]
