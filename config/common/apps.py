"""AppConfig of the ground floor: outgoing mail is its only table."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Holds the outgoing mail and the jobs that send it."""

    name = "config.common"
    label = "common"
    verbose_name = "Mail"
