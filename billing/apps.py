"""AppConfig of billing."""

from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Plans, what they allow, and who is subscribed to which."""

    name = "billing"

    def ready(self) -> None:
        """Start listening to events, and keep our keys out of dj-stripe's tables."""
        import_module("billing.receivers")
        import_module("billing.gateways.mirror").install()
