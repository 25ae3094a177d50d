"""AppConfig of analytics: what was used, when, by which key."""

from django.apps import AppConfig


class AnalyticsConfig(AppConfig):
    """Usage: ingested, rolled up, live."""

    name = "analytics"
    verbose_name = "Analytics"
