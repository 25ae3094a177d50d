"""Leave room in the pages of deliveries, so that a claim rewrites its row where it stands and touches no index."""

from django.db import migrations

ROOMY = "ALTER TABLE webhooks_webhookdelivery SET (fillfactor = 50)"
FULL = "ALTER TABLE webhooks_webhookdelivery RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0004_conformance_runs")]

    operations = [migrations.RunSQL(ROOMY, FULL)]
