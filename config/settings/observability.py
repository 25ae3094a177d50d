"""Error reports and metrics. Sentry is imported only where it is used: it costs 0.2 s at start."""

from config.settings.env import env

SENTRY_DSN = env.url("SENTRY_DSN", "", schemes=("https", "http"))
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production")
PROMETHEUS_EXPORT_MIGRATIONS = False
