"""AppConfig of organizations."""

from importlib import import_module

from django.apps import AppConfig


class OrganizationsConfig(AppConfig):
    """Customers, members, tenancy."""

    name = "organizations"

    def ready(self) -> None:
        """Start listening to events."""
        import_module("organizations.receivers")
        self._offer_grants()

    @staticmethod
    def _offer_grants() -> None:
        """Anything in the catalogue can be granted on an organization as a whole."""
        from organizations import grantable, models, roles

        grantable.register(
            "organization",
            models.Organization,
            {permission: roles.codename_of(permission) for permission in roles.Permission},
        )
