"""AppConfig of billing."""

from importlib import import_module

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """Plans, subscriptions, invoices, credits."""

    name = "billing"

    def ready(self) -> None:
        """Start listening to events."""
        import_module("billing.receivers")
