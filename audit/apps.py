"""AppConfig of audit."""

from importlib import import_module

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """What happened."""

    name = "audit"

    def ready(self) -> None:
        """Start listening to events."""
        import_module("audit.receivers")
