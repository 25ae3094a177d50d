from django.db import migrations

# What a closing takes back since it reaches invitations and grants, of organizations that were closed before.
TAKE_BACK = """
UPDATE organizations_organizationinvitation offered
SET status = 'REVOKED', closed_at = now(), updated_at = now()
FROM organizations_organization closed
WHERE closed.id = offered.organization_id AND closed.status = 'CLOSED' AND offered.status = 'PENDING';
DELETE FROM organizations_objectgrant given
USING organizations_organization closed
WHERE closed.id = given.organization_id AND closed.status = 'CLOSED';
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0006_object_grants")]

    operations = [migrations.RunSQL(TAKE_BACK, migrations.RunSQL.noop)]
