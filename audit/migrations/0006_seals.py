from django.db import migrations, models
from django.db.models import Q

STAYS = """
CREATE TRIGGER auditseal_append_only BEFORE UPDATE OR DELETE ON audit_auditseal
FOR EACH ROW EXECUTE FUNCTION audit_refuse_change();
CREATE TRIGGER auditseal_stays BEFORE TRUNCATE ON audit_auditseal
FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse_change();
"""
GO = """
DROP TRIGGER auditseal_append_only ON audit_auditseal;
DROP TRIGGER auditseal_stays ON audit_auditseal;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_log_in_months")]

    operations = [
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("id", models.BigAutoField(primary_key=True, auto_created=True, serialize=False, verbose_name="ID")),
                ("chain", models.BigIntegerField()),
                ("sequence", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
                (
                    "kind",
                    models.CharField(
                        max_length=6, choices=[("DAILY", "Daily head"), ("ANCHOR", "Anchor")]
                    ),
                ),
                ("leftover", models.JSONField(default=list)),
                ("sealed_at", models.DateTimeField()),
                ("key_id", models.CharField(max_length=64)),
                ("signature", models.BinaryField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        name="auditseal_once_a_head",
                        fields=["chain", "sequence"],
                        condition=Q(kind="DAILY"),
                    ),
                    models.CheckConstraint(
                        name="auditseal_kind_known", condition=Q(kind__in=["DAILY", "ANCHOR"])
                    ),
                ],
                "indexes": [models.Index(fields=["chain", "sequence"], name="auditseal_by_chain")],
            },
        ),
        migrations.RunSQL(STAYS, GO),
    ]
