from django.db import migrations

VERSION = """
CREATE TRIGGER organization_version BEFORE UPDATE ON organizations_organization
FOR EACH ROW EXECUTE FUNCTION tollgate_bump_version()
"""
# Checked at commit. When an owner goes, the organization's row is written first, which does two things: of two owners
# who demote each other at the same time, the second one waits, sees what the first has committed, and fails; and in a
# REPEATABLE READ transaction, which would not see it, PostgreSQL itself refuses the second write. An organization that
# is gone by then needs no owner.
OWNER_FUNCTION = """
CREATE FUNCTION organizations_require_owner() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    concerned bigint;
BEGIN
    IF TG_TABLE_NAME = 'organizations_organization' THEN
        concerned := NEW.id;
        PERFORM 1 FROM organizations_organization WHERE id = concerned;
    ELSE
        concerned := OLD.organization_id;
        UPDATE organizations_organization SET updated_at = updated_at WHERE id = concerned;
    END IF;
    IF FOUND AND NOT EXISTS (
        SELECT 1 FROM organizations_organizationmember
        WHERE organization_id = concerned AND role = 'OWNER'
    ) THEN
        RAISE EXCEPTION 'organization % has no owner', concerned
            USING ERRCODE = 'check_violation', CONSTRAINT = 'organization_has_owner';
    END IF;
    RETURN NULL;
END $$
"""
OWNER_STAYS = """
CREATE CONSTRAINT TRIGGER organization_has_owner
AFTER UPDATE OF role, organization_id OR DELETE ON organizations_organizationmember
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (OLD.role = 'OWNER')
EXECUTE FUNCTION organizations_require_owner()
"""
OWNER_FROM_THE_START = """
CREATE CONSTRAINT TRIGGER organization_has_owner
AFTER INSERT ON organizations_organization
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
EXECUTE FUNCTION organizations_require_owner()
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0001_initial"), ("accounts", "0002_version_trigger")]

    operations = [
        migrations.RunSQL(VERSION, "DROP TRIGGER organization_version ON organizations_organization"),
        migrations.RunSQL(OWNER_FUNCTION, "DROP FUNCTION organizations_require_owner()"),
        migrations.RunSQL(
            OWNER_STAYS, "DROP TRIGGER organization_has_owner ON organizations_organizationmember"
        ),
        migrations.RunSQL(
            OWNER_FROM_THE_START, "DROP TRIGGER organization_has_owner ON organizations_organization"
        ),
    ]
