"""AppConfig of the ground floor."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Holds outgoing mail, answers recorded under idempotency keys, and the jobs that look after both."""

    name = "config.common"
    label = "common"
    verbose_name = "Mail"

    def ready(self) -> None:
        """Have every database connection read times fast."""
        from django.db.backends.signals import connection_created

        from config.common import timestamps

        connection_created.connect(timestamps.read_fast, dispatch_uid="timestamps.read_fast")
