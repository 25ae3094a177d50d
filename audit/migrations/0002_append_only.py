from django.db import migrations

FUNCTION = """
CREATE FUNCTION audit_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$
"""
ROWS = """
CREATE TRIGGER auditlog_append_only BEFORE UPDATE OR DELETE ON audit_auditlog
FOR EACH ROW EXECUTE FUNCTION audit_refuse_change()
"""
WHOLE = """
CREATE TRIGGER auditlog_stays BEFORE TRUNCATE ON audit_auditlog
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()
"""
# A head moves on by one entry at a time; it is never taken back nor taken away, so a missing tail is seen.
HEAD = """
CREATE TRIGGER auditchain_moves_forward BEFORE UPDATE ON audit_auditchain
FOR EACH ROW WHEN (NEW.chain <> OLD.chain OR NEW.sequence <> OLD.sequence + 1)
EXECUTE FUNCTION audit_refuse_change()
"""
HEAD_STAYS = """
CREATE TRIGGER auditchain_stays BEFORE DELETE OR TRUNCATE ON audit_auditchain
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        migrations.RunSQL(FUNCTION, "DROP FUNCTION audit_refuse_change()"),
        migrations.RunSQL(ROWS, "DROP TRIGGER auditlog_append_only ON audit_auditlog"),
        migrations.RunSQL(WHOLE, "DROP TRIGGER auditlog_stays ON audit_auditlog"),
        migrations.RunSQL(HEAD, "DROP TRIGGER auditchain_moves_forward ON audit_auditchain"),
        migrations.RunSQL(HEAD_STAYS, "DROP TRIGGER auditchain_stays ON audit_auditchain"),
    ]
