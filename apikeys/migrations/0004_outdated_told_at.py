from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0003_apikey_by_organization_name")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="outdated_told_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="When the owners were told that it is older than the security policy allows.",
                null=True,
            ),
        ),
    ]
