from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("common", "0002_failed_mail")]

    operations = [
        migrations.CreateModel(
            "IdempotentAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "scope",
                    models.BinaryField(
                        help_text="Digest of actor, method, path and key.", max_length=32
                    ),
                ),
                (
                    "fingerprint",
                    models.BinaryField(help_text="Digest of what was asked.", max_length=32),
                ),
                ("status", models.PositiveSmallIntegerField()),
                ("headers", models.JSONField()),
                ("body_encrypted", models.TextField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["scope"], name="idempotentanswer_scope")
                ],
                "indexes": [models.Index(fields=["created_at"], name="idempotentanswer_at")],
            },
        ),
    ]
