"""The embedded run: secrets and servers from `.local/`, mail into files, no debugging pages."""

# ruff: noqa: E402, I001  (what is assumed must be known before the other modules read it)

from config.embedded.place import locate
from config.settings.env import SettingError, env

PLACE = locate(env.text("LOCAL_DIR", ""))
try:
    SECRETS = PLACE.secrets()
except OSError as error:
    raise SettingError([f"{PLACE.secrets_file} cannot be kept: {error.strerror}"]) from error

env.assume(
    {
        **{name: value for name, value in SECRETS.items() if not name.endswith("_PASSWORD")},
        "DATABASE_URL": PLACE.database_url(SECRETS["DATABASE_PASSWORD"]),
        "REDIS_URL": PLACE.redis_url(SECRETS["REDIS_PASSWORD"]),
        "PUBLIC_URL": f"http://localhost:{env.integer('PORT', 8000, at_least=1, at_most=65_535)}",
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "EMAIL_URL": f"file://{PLACE.local / 'mail'}",
        "MEDIA_ROOT": str(PLACE.local / "media"),
        "EXPORT_ROOT": str(PLACE.local / "exports"),
        "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8,::1/128",
        "GATEWAY_TRUSTED_PROXIES": "127.0.0.0/8,::1/128",
        "LOG_FORMAT": "text",
        "SENTRY_ENVIRONMENT": "local",
    }
)

from config.settings.base import *
from config.settings.api import *
from config.settings.jobs import *
from config.settings.logging import *
from config.settings.observability import *
from config.settings.payments import *
from config.settings.security import *

EMBEDDED = True
DEMO_API_URL = f"{PUBLIC_URL}/demo/hello"
DEMO_HOOKS_URL = f"http://{'[::1]' if ':' in BIND_ADDRESS else '127.0.0.1'}:{PORT}/demo/hooks"
RUNS_OWN_DATABASE = not env.is_set("DATABASE_URL")
RUNS_OWN_REDIS = not env.is_set("REDIS_URL")
DEMO_PASSWORD = SECRETS["DEMO_PASSWORD"]
STATIC_FROM_SOURCE = True

env.check()
