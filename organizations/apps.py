"""AppConfig of organizations."""

from importlib import import_module

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Customers, members, tenancy."""

    name = "organizations"

    def ready(self) -> None:
        """Start listening to events."""
        import_module("organizations.receivers")
