from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_broadcasts")]

    operations = [
        migrations.AddIndex(
            model_name="user",
            index=models.Index(
                condition=Q(("password__startswith", "bcrypt")), fields=["id"], name="user_imported_hash"
            ),
        ),
    ]
