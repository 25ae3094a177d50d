"""Django proper: apps, middleware, database, caches, templates, static files, mail."""

from pathlib import Path

import django_stubs_ext

from config.common.patient_connection import PatientConnection
from config.embedded.place import locate
from config.settings.env import database, env, mail

# Lets generic Django classes (`ModelAdmin[ApiKey]`) be written as the type checker wants them.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parents[2]

DEBUG = False

# What only the embedded run has; `config.settings.local` says more.
EMBEDDED = False
# What a new key's example calls; without it, the first API's base path.
DEMO_API_URL = ""
DEMO_HOOKS_URL = ""
RUNS_OWN_DATABASE = False
RUNS_OWN_REDIS = False
DEMO_PASSWORD = ""
PLACE = locate(env.text("LOCAL_DIR", ""))

SECRET_KEY = env.text("SECRET_KEY")
# Older ones, with which nothing is signed any more but what they signed is still read.
SECRET_KEY_FALLBACKS = env.items("SECRET_KEY_FALLBACKS")
PUBLIC_URL = env.origin("PUBLIC_URL")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", None)
PRODUCT_NAME = env.line("PRODUCT_NAME", "Tollgate")
PORT = env.integer("PORT", 8000, at_least=1, at_most=65_535)
BIND_ADDRESS = env.text("BIND_ADDRESS", "127.0.0.1")

INSTALLED_APPS = [
    "config.apps.TollgateAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "channels",
    "django_otp",
    "guardian",
    "django_celery_beat",
    "djstripe",
    "django_prometheus",
    "django_structlog",
    "config.apps.ProjectConfig",
    "config.common",
    "accounts",
    "organizations",
    "billing",
    "apikeys",
    "analytics",
    "webhooks",
    "audit",
]

# Each layer sees the answers of those below it: the request id and the security headers are on every answer.
MIDDLEWARE = [
    "config.common.middleware.request_context.RequestContextMiddleware",
    "config.common.middleware.security_headers.SecurityHeadersMiddleware",
    "config.common.middleware.access_log.AccessLogMiddleware",
    "config.common.middleware.cors.ExactCorsMiddleware",
    "config.common.middleware.size_limit.SizeLimitMiddleware",
    "config.common.middleware.clean_input.CleanInputMiddleware",
    "config.common.middleware.ip_allowlist.OperatorAllowlistMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "config.common.middleware.slashes.SlashMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "accounts.middleware.PortalSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "config.common.middleware.refusals.RefusalMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.unread_notices",
                "organizations.context_processors.current_organization",
            ],
        },
    },
]

# config.asgi and config.wsgi say so before the settings are read: only web processes keep a pool.
_IS_WEB = env.choice("PROCESS_ROLE", "command", ("command", "web", "worker", "beat")) == "web"
WEB_THREADS = env.integer("WEB_THREADS", 8, at_least=1, at_most=1_000)
_POOL_SIZE = env.integer("DATABASE_POOL_SIZE", WEB_THREADS + 4, at_least=1)

# An attempt to connect that fails is soon forgotten, and the next request makes another: the pool's own patience doubles
# its pauses for five minutes, during which a database that is back again would not be noticed.
_POOL = {
    "min_size": 1,
    "max_size": _POOL_SIZE,
    "timeout": 3,
    "reconnect_timeout": 2,
    "connection_class": PatientConnection,
}

DATABASE_URL = env.url("DATABASE_URL", schemes=("postgresql", "postgres"))
DATABASES = {"default": database(DATABASE_URL)}
DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
DATABASES["default"]["OPTIONS"] = {
    # A database that does not answer is noticed in seconds: readiness and 503 depend on it.
    "connect_timeout": 3,
    "tcp_user_timeout": 5000,
    "keepalives_idle": 10,
    "application_name": "tollgate",
    **DATABASES["default"]["OPTIONS"],
    **({"pool": _POOL} if _IS_WEB else {}),
}
# At least; what a plan shows is kept as long as the plan says.
AUDIT_LOG_RETENTION_DAYS = env.integer("AUDIT_LOG_RETENTION_DAYS", 730, at_least=1, at_most=36_500)
# For how many days single calls are kept; their sums stay.
USAGE_LOG_RETENTION_DAYS = env.integer("USAGE_LOG_RETENTION_DAYS", 90, at_least=1, at_most=36_500)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MIGRATION_MODULES = {"djstripe": "config.djstripe_migrations"}

REDIS_URL = env.url("REDIS_URL", schemes=("redis", "rediss", "unix"))
REDIS_PREFIX = env.text("REDIS_PREFIX", "tg:")
REDIS_TIMEOUT_SECONDS = 1.0
CACHES = {
    "default": {
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": f"{REDIS_PREFIX}cache",
        "OPTIONS": {
            "SERIALIZER": "django_redis.serializers.json.JSONSerializer",
            "SOCKET_CONNECT_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "SOCKET_TIMEOUT": REDIS_TIMEOUT_SECONDS,
            "CONNECTION_POOL_CLASS": "config.common.redis.CircuitBreakerPool",
        },
    },
}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": f"{REDIS_PREFIX}channels"},
    },
}

AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_ENGINE = "django.contrib.sessions.backends.db"

APPEND_SLASH = True
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = "config.formats"

STATIC_URL = "/static/"
STATIC_FROM_SOURCE = False  # the image collects them; the embedded run and the tests do not
STATIC_ROOT = Path(env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles")))
MEDIA_URL = "/media/"
MEDIA_ROOT = Path(env.text("MEDIA_ROOT", str(BASE_DIR / "media")))
# Copies of people's data, for seven days: never below anything that is served.
EXPORT_ROOT = Path(env.text("EXPORT_ROOT", str(BASE_DIR / "exports")))
if EXPORT_ROOT.is_relative_to(MEDIA_ROOT) or EXPORT_ROOT.is_relative_to(STATIC_ROOT):
    env.problem("EXPORT_ROOT", "must not lie below MEDIA_ROOT or STATIC_ROOT, which are served")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

EMAIL_URL = env.url("EMAIL_URL", schemes=("smtp", "smtps", "smtp+tls", "file", "console", "memory"))
_MAIL = mail(EMAIL_URL)
EMAIL_BACKEND = _MAIL["EMAIL_BACKEND"]
EMAIL_FILE_PATH = _MAIL["EMAIL_FILE_PATH"]
EMAIL_HOST = _MAIL["EMAIL_HOST"]
EMAIL_PORT = _MAIL["EMAIL_PORT"]
EMAIL_HOST_USER = _MAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = _MAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_SSL = _MAIL["EMAIL_USE_SSL"]
EMAIL_USE_TLS = _MAIL["EMAIL_USE_TLS"]
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.line("EMAIL_FROM", "Tollgate <no-reply@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
