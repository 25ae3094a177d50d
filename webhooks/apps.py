"""AppConfig of webhooks."""

from importlib import import_module

from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    """What customers are told."""

    name = "webhooks"

    def ready(self) -> None:
        """Start listening to events."""
        import_module("webhooks.receivers")
