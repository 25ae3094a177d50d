"""dj-stripe's tables hold no key and no signing secret: it would keep them as they are, and a backup would hold them."""

from django.db import migrations

# Without state, because dj-stripe's models do not know the constraints. Publishable keys are in every page of a shop.
FORWARDS = """
DELETE FROM djstripe_apikey WHERE secret NOT LIKE 'pk\\_%';
UPDATE djstripe_webhookendpoint SET secret = '';
ALTER TABLE djstripe_apikey
    ADD CONSTRAINT djstripe_apikey_holds_no_secret CHECK (secret LIKE 'pk\\_%');
ALTER TABLE djstripe_webhookendpoint
    ADD CONSTRAINT djstripe_webhookendpoint_holds_no_secret CHECK (secret = '');
"""
BACKWARDS = """
ALTER TABLE djstripe_apikey DROP CONSTRAINT djstripe_apikey_holds_no_secret;
ALTER TABLE djstripe_webhookendpoint DROP CONSTRAINT djstripe_webhookendpoint_holds_no_secret;
"""


class Migration(migrations.Migration):
    dependencies = [("djstripe", "0001_initial")]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
