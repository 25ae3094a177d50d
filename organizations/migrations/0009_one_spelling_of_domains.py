from django.db import migrations

from config.common import mail_addresses

SUSPECT = r"[^\x01-\x7f]|@(.*\.)?xn--"


def respell(apps, schema_editor):
    """Spell the addresses of invitations as those of accounts; of two that wait for one mailbox, the first."""
    rows = apps.get_model("organizations", "OrganizationInvitation").objects
    for one in rows.filter(email__regex=SUSPECT).order_by("pk"):
        email = mail_addresses.spelling(one.email)
        waiting = rows.filter(organization_id=one.organization_id, email=email, status="PENDING")
        if email != one.email and not (one.status == "PENDING" and waiting.exists()):
            rows.filter(pk=one.pk).update(email=email)


class Migration(migrations.Migration):
    dependencies = [("organizations", "0008_organization_opened_by")]

    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
