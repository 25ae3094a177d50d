"""The log moves into one partition per month (UTC), so that retention can drop months. Nothing of it is changed.

Django cannot declare partitions. A place in a chain is unique within a month by an index of the partition's own, and
over all months because an entry goes behind the head of its chain and nowhere else: a trigger moves the head with it.
"""

from django.db import migrations, models

MOVE_ASIDE = """
ALTER TABLE audit_auditlog RENAME TO audit_auditlog_whole;
CREATE SEQUENCE audit_entry_ids AS bigint;
"""
TABLE = """
CREATE TABLE audit_auditlog (
    id bigint NOT NULL DEFAULT nextval('audit_entry_ids'),
    chain bigint NOT NULL,
    sequence bigint NOT NULL,
    event varchar(80) NOT NULL,
    summary varchar(300) NOT NULL,
    organization_id bigint,
    actor_type varchar(20) NOT NULL,
    actor_id bigint,
    actor_label varchar(254) NOT NULL,
    target_type varchar(60) NOT NULL,
    target_id bigint,
    old_values jsonb,
    new_values jsonb,
    data jsonb NOT NULL,
    ip inet,
    user_agent varchar(300) NOT NULL,
    request_id varchar(64) NOT NULL,
    occurred_at timestamptz NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT auditlog_chain_of_organization CHECK (
        (chain = 0 AND organization_id IS NULL)
        OR (organization_id IS NOT NULL AND organization_id = chain)
    )
) PARTITION BY RANGE (occurred_at);
"""
# From the first entry's month to the third that comes; later ones are made by the daily job, or by an entry that needs one.
MONTHS = """
DO $$
DECLARE
    month timestamp;
    partition text;
BEGIN
    SELECT date_trunc('month', coalesce(min(occurred_at), now()) AT TIME ZONE 'UTC') INTO month FROM audit_auditlog_whole;
    WHILE month <= (now() AT TIME ZONE 'UTC') + interval '3 months' LOOP
        partition := 'audit_auditlog_' || to_char(month, 'YYYYMM');
        EXECUTE format(
            'CREATE TABLE %I PARTITION OF audit_auditlog FOR VALUES FROM (%L) TO (%L)',
            partition, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
        );
        EXECUTE format('CREATE UNIQUE INDEX %I ON %I (chain, sequence)', partition || '_unique', partition);
        EXECUTE format(
            'CREATE TRIGGER auditlog_stays BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change()',
            partition
        );
        month := month + interval '1 month';
    END LOOP;
END $$;
"""
COLUMNS = """
    id, chain, sequence, event, summary, organization_id, actor_type, actor_id, actor_label, target_type, target_id,
    old_values, new_values, data, ip, user_agent, request_id, occurred_at, previous_hash, hash
"""
COPY = f"""
INSERT INTO audit_auditlog ({COLUMNS}) SELECT {COLUMNS} FROM audit_auditlog_whole ORDER BY id;
SELECT setval('audit_entry_ids', coalesce((SELECT max(id) FROM audit_auditlog_whole), 1),
              EXISTS (SELECT FROM audit_auditlog_whole));
DROP TABLE audit_auditlog_whole;
ALTER SEQUENCE audit_entry_ids RENAME TO audit_auditlog_id_seq;
ALTER SEQUENCE audit_auditlog_id_seq OWNED BY audit_auditlog.id;
"""
INDEXES = """
ALTER TABLE audit_auditlog ADD CONSTRAINT audit_auditlog_pkey PRIMARY KEY (id, occurred_at);
CREATE INDEX auditlog_by_chain ON audit_auditlog (chain, sequence);
CREATE INDEX auditlog_by_organization_at ON audit_auditlog (organization_id, occurred_at DESC, id DESC);
CREATE INDEX auditlog_by_actor ON audit_auditlog (actor_type, actor_id, id DESC);
CREATE INDEX auditlog_by_target ON audit_auditlog (target_type, target_id, id DESC);
CREATE INDEX auditlog_by_request ON audit_auditlog (request_id);
CREATE INDEX auditlog_by_occurred_at ON audit_auditlog USING brin (occurred_at);
"""
TRIGGERS = """
CREATE TRIGGER auditlog_append_only BEFORE UPDATE OR DELETE ON audit_auditlog
FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER auditlog_stays BEFORE TRUNCATE ON audit_auditlog
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
CREATE FUNCTION audit_append() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE audit_auditchain SET sequence = NEW.sequence, hash = NEW.hash
     WHERE chain = NEW.chain AND sequence = NEW.sequence - 1 AND hash = NEW.previous_hash;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an entry of the audit log goes behind the last one of its chain'
            USING ERRCODE = 'unique_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER auditlog_moves_head BEFORE INSERT ON audit_auditlog
FOR EACH ROW EXECUTE FUNCTION audit_append();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_entries_by_target")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(statements)
                for statements in (MOVE_ASIDE, TABLE, MONTHS, COPY, INDEXES, TRIGGERS)
            ],
            state_operations=[
                migrations.RemoveConstraint("auditlog", "auditlog_chain_sequence"),
                migrations.RemoveIndex("auditlog", "auditlog_by_organization"),
                migrations.AddIndex(
                    "auditlog",
                    models.Index(fields=["chain", "sequence"], name="auditlog_by_chain"),
                ),
                migrations.AddIndex(
                    "auditlog",
                    models.Index(
                        fields=["organization_id", "-occurred_at", "-id"],
                        name="auditlog_by_organization_at",
                    ),
                ),
            ],
        )
    ]
