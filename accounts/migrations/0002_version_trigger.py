from django.db import migrations

# Raises `version` on every update of a row, whoever writes it. Used by every table the gate remembers.
FUNCTION = """
CREATE FUNCTION tollgate_bump_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$
"""
# Only the status concerns the gate; signing in must not make it load keys again.
TRIGGER = """
CREATE TRIGGER user_version BEFORE UPDATE ON accounts_user
FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION tollgate_bump_version()
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION tollgate_bump_version()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER user_version ON accounts_user"),
    ]
