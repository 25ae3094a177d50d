from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0002_triggers")]

    operations = [
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                fields=["organization", "name", "id"], name="apikey_by_organization_name"
            ),
        ),
    ]
