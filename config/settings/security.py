"""What protects people and secrets: keys, hashers, cookies, CORS, whom we believe about addresses."""

from urllib.parse import urlsplit

from config.settings.base import PRODUCT_NAME, PUBLIC_URL
from config.settings.env import env, is_small_number

ENCRYPTION_KEYS = env.keys("ENCRYPTION_KEYS", encoding="base64", at_least=32, at_most=32)
KEY_PEPPERS = env.keys("KEY_PEPPERS", encoding="hex", at_least=32)
if not all(is_small_number(pepper.partition(":")[0]) for pepper in KEY_PEPPERS):
    env.problem(
        "KEY_PEPPERS", "needs numbers up to 32767 as ids: they are stored beside each digest"
    )
KEY_BRAND = env.text("TOLLGATE_KEY_BRAND", "tg")
if not (2 <= len(KEY_BRAND) <= 12 and KEY_BRAND.isascii() and KEY_BRAND.isalnum()):
    env.problem("TOLLGATE_KEY_BRAND", "must be 2 to 12 letters and digits")
if KEY_BRAND.lower() != KEY_BRAND:
    env.problem("TOLLGATE_KEY_BRAND", "must be in lower case")

# What the gate signs its assertions with; without any, one is derived from SECRET_KEY.
GATEWAY_SIGNING_KEYS = env.keys(
    "GATEWAY_SIGNING_KEYS", "", encoding="base64", at_least=32, at_most=32
)
# What the daily heads of the audit log's chains are signed with; without any, a key is derived from SECRET_KEY.
AUDIT_SIGNING_KEYS = env.keys("AUDIT_SIGNING_KEYS", "", encoding="base64", at_least=32, at_most=32)
# How many gate processes there are: while Redis is away, each grants its share of a limit.
GATEWAY_PROCESSES = env.integer("GATEWAY_PROCESSES", 1, at_least=1)

# The first one hashes; the others are accepted and upgraded at sign-in.
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2idHasher",
    "accounts.hashers.BCryptSHA256Hasher",
    "accounts.hashers.BCryptHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("email", "full_name")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "accounts.hashers.MaximumLengthValidator"},
    {"NAME": "accounts.hashers.ContextWordsValidator"},
    {"NAME": "accounts.receivers.PasswordWatch"},
]
AUTHENTICATION_BACKENDS = [
    "accounts.backends.GuardedBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian would create a row for nobody
GUARDIAN_MONKEY_PATCH_USER = False
GUARDIAN_USER_OBJ_PERMS_MODEL = "organizations.ObjectGrant"
OTP_TOTP_ISSUER = PRODUCT_NAME

TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")
GATEWAY_TRUSTED_PROXIES = env.networks("GATEWAY_TRUSTED_PROXIES")
OPERATOR_ALLOWLIST = env.networks("OPERATOR_ALLOWLIST")
WEBHOOK_ALLOW_CIDRS = env.networks("WEBHOOK_ALLOW_CIDRS")

_IS_HTTPS = urlsplit(PUBLIC_URL).scheme == "https"
_HOST_ONLY = "__Host-" if _IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{_HOST_ONLY}tollgate_session"
DEVICE_COOKIE_NAME = f"{_HOST_ONLY}tollgate_device"
SESSION_COOKIE_SECURE = _IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 14 * 24 * 3600
CSRF_COOKIE_NAME = f"{_HOST_ONLY}tollgate_csrf"
CSRF_COOKIE_SECURE = _IS_HTTPS
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "config.pages.csrf_failure"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL else []

CORS_ALLOWED_ORIGINS = env.origins("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_CREDENTIALS = False
CORS_ALLOW_HEADERS = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
    "traceparent",
    "x-api-key",
    "x-organization-id",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = [
    "deprecation",
    "etag",
    "idempotency-replayed",
    "idempotent-replayed",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sunset",
    "www-authenticate",
    "x-request-id",
]

# Both ask for middleware of Django whose work config.common.middleware.security_headers does.
SILENCED_SYSTEM_CHECKS = ["security.W001", "security.W002"]
HSTS_SECONDS = 365 * 24 * 3600 if _IS_HTTPS else 0
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
# What a body may weigh, and the few paths (exactly these) where a file is uploaded.
MAX_BODY_BYTES = 1024 * 1024
MAX_UPLOAD_BYTES = 6 * 1024 * 1024
UPLOAD_PATHS = {
    "/api/v1/users/me/avatar": MAX_UPLOAD_BYTES,
    "/profile/avatar/": MAX_UPLOAD_BYTES,
}
RATELIMIT_USE_CACHE = "default"
