"""Error reports and metrics. Sentry is imported only where it is used: it costs 0.2 s at start."""

from config.settings.env import env, is_dsn

SENTRY_DSN = env.url("SENTRY_DSN", "", schemes=("https", "http"))
if SENTRY_DSN and not is_dsn(SENTRY_DSN):
    env.problem("SENTRY_DSN", "names no key or no project: copy it from the project's settings")
SENTRY_ENVIRONMENT = env.text("SENTRY_ENVIRONMENT", "production")
PROMETHEUS_EXPORT_MIGRATIONS = False
