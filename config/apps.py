"""App configurations of the project itself and of its back office."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ProjectConfig(AppConfig):
    """Carries the project's commands, template tags, checks and static files."""

    name = "config"
    verbose_name = "Tollgate"


class TollgateAdminConfig(AdminConfig):
    """Django's admin with our own site."""

    default_site = "config.admin.TollgateAdminSite"
