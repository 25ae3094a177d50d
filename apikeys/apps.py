"""AppConfig of apikeys."""

from importlib import import_module

from django.apps import AppConfig


class ApiKeysConfig(AppConfig):
    """Credentials, limits and the gateway."""

    name = "apikeys"
    verbose_name = "API keys"

    def ready(self) -> None:
        """Start listening to events."""
        import_module("apikeys.receivers")
