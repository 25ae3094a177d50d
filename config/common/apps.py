"""AppConfig of the ground floor: outgoing mail is its only table."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Holds the outgoing mail and the jobs that send it."""

    name = "config.common"
    label = "common"
    verbose_name = "Mail"

    def ready(self) -> None:
        """Have every database connection read times fast."""
        from django.db.backends.signals import connection_created

        from config.common import timestamps

        connection_created.connect(timestamps.read_fast, dispatch_uid="timestamps.read_fast")
