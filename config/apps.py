"""App configurations of the project itself and of its back office."""

from django.apps import AppConfig, apps
from django.contrib.admin.apps import AdminConfig


class ProjectConfig(AppConfig):
    """Carries the project's commands, template tags, checks and static files."""

    name = "config"
    verbose_name = "Tollgate"

    def ready(self) -> None:
        """Register the checks, offer broadcasts their audiences, and begin to report errors."""
        from config import checks  # noqa: F401
        from config.backoffice import audiences
        from config.common import reports

        # Its own name is the package's.
        apps.get_app_config("djstripe").verbose_name = "Stripe"
        audiences.register()
        reports.start()


class TollgateAdminConfig(AdminConfig):
    """Django's admin with our own site."""

    default_site = "config.admin.TollgateAdminSite"
