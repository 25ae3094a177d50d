from django.db import migrations

from config.common import mail_addresses

# What may be spelled in another way: letters beyond ASCII, and what claims to be their encoding.
SUSPECT = r"[^\x01-\x7f]|@(.*\.)?xn--"


def respell(apps, schema_editor):
    """Bring addresses into the spelling by which they are looked for from now on.

    Of several accounts of one mailbox the one that is in it already, or else the oldest, has the address. The others
    stay as they are: nobody signs in to them by address any more, staff finds them under the address they have.
    """
    users = apps.get_model("accounts", "User").objects
    for user in users.filter(email__regex=SUSPECT).order_by("pk"):
        email = mail_addresses.spelling(user.email)
        if email != user.email and not users.filter(email=email).exists():
            users.filter(pk=user.pk).update(email=email)
    for model, column in (
        ("EmailToken", "email"),
        ("EmailChange", "old_email"),
        ("EmailChange", "new_email"),
    ):
        rows = apps.get_model("accounts", model).objects
        for pk, email in rows.filter(**{f"{column}__regex": SUSPECT}).values_list("pk", column):
            rows.filter(pk=pk).update(**{column: mail_addresses.spelling(email)})


class Migration(migrations.Migration):
    dependencies = [("accounts", "0009_imported_hash_index")]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
