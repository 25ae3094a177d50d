from django.db import migrations

# Other frameworks store a bcrypt hash as the algorithm prints it ($2b$12$…); Django wants the name of its hasher before
# it. Put right where it is written, so that every door that checks a password reads the same.
FUNCTION = r"""
CREATE FUNCTION accounts_name_bcrypt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.password ~ '^\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}$' THEN
        NEW.password := 'bcrypt$' || NEW.password;
    END IF;
    RETURN NEW;
END $$
"""
TRIGGER = """
CREATE TRIGGER user_names_bcrypt BEFORE INSERT OR UPDATE OF password ON accounts_user
FOR EACH ROW EXECUTE FUNCTION accounts_name_bcrypt()
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_second_factors_devices_and_exports")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION accounts_name_bcrypt()"),
        migrations.RunSQL(TRIGGER, "DROP TRIGGER user_names_bcrypt ON accounts_user"),
    ]
