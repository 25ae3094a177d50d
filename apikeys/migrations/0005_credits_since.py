from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("apikeys", "0004_outdated_told_at")]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="credits_since",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="From when on calls are paid out of credits that are never filled up; empty: all there were.",
                null=True,
            ),
        ),
    ]
