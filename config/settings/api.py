"""The REST API: Django REST framework, access tokens, the OpenAPI document."""

from datetime import timedelta

from config.settings.base import PRODUCT_NAME, PUBLIC_URL
from config.settings.env import env

JWT_SIGNING_KEYS = env.keys("JWT_SIGNING_KEYS", encoding="text", at_least=32)

# Calls a minute to our own API: by one person, and by everyone and every key of one organization.
API_RATE_PERSON = env.integer("API_RATE_PERSON", 600, at_least=1)
API_RATE_ORGANIZATION = env.integer("API_RATE_ORGANIZATION", 3000, at_least=1)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.authentication.JWTAuthentication",
        "accounts.authentication.PortalSessionAuthentication",
        "apikeys.authentication.ApiKeyAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["config.common.jsonparser.StrictJSONParser"],
    "DEFAULT_THROTTLE_CLASSES": [
        "apikeys.throttles.ApiKeyThrottle",
        "organizations.throttles.CallerThrottle",
    ],
    "DEFAULT_RENDERER_CLASSES": ["config.common.jsonparser.OrjsonRenderer"],
    "DEFAULT_PAGINATION_CLASS": "config.common.pagination.CursorPagination",
    "DEFAULT_METADATA_CLASS": None,  # OPTIONS is answered 405; the OpenAPI document tells what there is
    "DEFAULT_SCHEMA_CLASS": "config.common.schema.TollgateSchema",
    "EXCEPTION_HANDLER": "config.common.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,  # `format` is a parameter that nobody knows, as any other
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": True,
}

# The signing keys are JWT_SIGNING_KEYS: `accounts.tokens` picks one by the token's `kid`.
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=14),
    "ISSUER": PUBLIC_URL,
    "AUDIENCE": "tollgate-api",
    "LEEWAY": 0,
}

_DESCRIPTION = """\
Accounts, organizations, API keys, usage, webhooks and the audit log.

* **Who asks** is told by `Authorization: Bearer …`: an access token of `POST /api/v1/auth/login`, or an API key with
  `tollgate:` scopes. Backends that verify keys present a service key.
* **Which organization** is told by `X-Organization-Id`; without it, it is the one selected last. A key acts in its own.
* **Errors** are problem documents (RFC 9457): `code` is made for programs, and [each has a page](/problems/) that says what
  to do. Members and parameters that nobody knows are errors.
* **Lists** are paged by `limit` and `cursor`, sorted by `ordering`, and show what rows refer to by `expand`.
* **Sending again** is safe with an `Idempotency-Key` on POST and PATCH; `If-Match` with an `ETag` changes nothing that
  somebody else has changed meanwhile.
* **Events** are posted to your servers as [webhooks](/docs/events/).
"""

SPECTACULAR_SETTINGS = {
    "TITLE": f"{PRODUCT_NAME} API",
    "DESCRIPTION": _DESCRIPTION,
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "OrganizationRole": "organizations.models.Role",
        "OrganizationStatus": "organizations.models.OrganizationStatus",
        "ApiKeyStatus": ["active", "disabled", "expired", "revoked"],
        "InvitationStatus": "organizations.models.OrganizationInvitation.Status",
        "Permission": "organizations.roles.CHOICES",
        "PlatformRole": "accounts.models.PlatformRole",
        "UserStatus": "accounts.models.UserStatus",
        "WebhookStatus": ["enabled", "failing", "disabled"],
        "WebhookKind": "webhooks.models.Kind",
        "DeliveryStatus": "webhooks.models.Status",
        "DeliveryTrigger": "webhooks.models.Trigger",
        "DeliveryOutcome": "webhooks.models.Outcome",
        "ConformanceStatus": "webhooks.models.RunStatus",
    },
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apikeys.api.gate.add_gate",
        "config.common.schema.complete",
    ],
    "DISABLE_ERRORS_AND_WARNINGS": False,
}
