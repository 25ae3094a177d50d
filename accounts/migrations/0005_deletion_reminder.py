from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_bare_bcrypt_hashes")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="deletion_reminded_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
    ]
