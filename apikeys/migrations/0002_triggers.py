from django.db import migrations

# A rule belongs to its API and a secret to its key: a change of the part is a change of the whole.
RULE_FUNCTION = """
CREATE FUNCTION apikeys_touch_api() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE apikeys_api SET updated_at = clock_timestamp()
    WHERE id = (CASE WHEN TG_OP = 'DELETE' THEN OLD.api_id ELSE NEW.api_id END);
    RETURN NULL;
END $$
"""
SECRET_FUNCTION = """
CREATE FUNCTION apikeys_touch_key() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    secret apikeys_secret;
BEGIN
    secret := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    UPDATE apikeys_apikey SET updated_at = clock_timestamp() WHERE id = secret.api_key_id;
    UPDATE apikeys_servicekey SET updated_at = clock_timestamp() WHERE id = secret.service_key_id;
    RETURN NULL;
END $$
"""


def version(table: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_version BEFORE UPDATE ON apikeys_{table} "
        "FOR EACH ROW EXECUTE FUNCTION tollgate_bump_version()",
        f"DROP TRIGGER {table}_version ON apikeys_{table}",
    )


def touch(table: str, function: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        f"CREATE TRIGGER {table}_touches AFTER INSERT OR UPDATE OR DELETE ON apikeys_{table} "
        f"FOR EACH ROW EXECUTE FUNCTION {function}()",
        f"DROP TRIGGER {table}_touches ON apikeys_{table}",
    )


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0001_initial"), ("accounts", "0002_version_trigger")]

    operations = [
        version("apikey"),
        version("servicekey"),
        version("api"),
        migrations.RunSQL(RULE_FUNCTION, "DROP FUNCTION apikeys_touch_api()"),
        migrations.RunSQL(SECRET_FUNCTION, "DROP FUNCTION apikeys_touch_key()"),
        touch("routerule", "apikeys_touch_api"),
        touch("secret", "apikeys_touch_key"),
    ]
