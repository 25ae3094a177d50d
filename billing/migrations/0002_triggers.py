from django.db import migrations

TABLES = ("plan", "subscription")


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("accounts", "0002_version_trigger")]

    operations = [
        migrations.RunSQL(
            f"CREATE TRIGGER {table}_version BEFORE UPDATE ON billing_{table} "
            "FOR EACH ROW EXECUTE FUNCTION tollgate_bump_version()",
            f"DROP TRIGGER {table}_version ON billing_{table}",
        )
        for table in TABLES
    ]
