"""Workers of the release before hand messages out without a place in the feed, as long as they still run."""

from django.db import migrations

_TRIGGER = """
    CREATE FUNCTION webhooks_webhookmessage_take_position() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.position := nextval('webhooks_webhookmessage_position');
        RETURN NEW;
    END $$;
    CREATE TRIGGER webhookmessage_take_position BEFORE UPDATE ON webhooks_webhookmessage FOR EACH ROW
    WHEN (OLD.fanned_out_at IS NULL AND NEW.fanned_out_at IS NOT NULL AND NEW.position IS NULL)
    EXECUTE FUNCTION webhooks_webhookmessage_take_position();
"""
_BACK = """
    DROP TRIGGER webhookmessage_take_position ON webhooks_webhookmessage;
    DROP FUNCTION webhooks_webhookmessage_take_position();
"""


class Migration(migrations.Migration):
    dependencies = [("webhooks", "0010_fewer_checks")]

    operations = [migrations.RunSQL(_TRIGGER, _BACK)]
