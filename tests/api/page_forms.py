"""Every form of the portal as data: whom its page is for, and what they fill in; and how it is sent and undone."""

from string import Template
from urllib.parse import urlencode

from django.conf import settings
from django.db import transaction
from django.urls import get_resolver, reverse

from config.common import once
from tests import servers
from tests.api.conftest import CHANGE_TOKEN, INVITATION_TOKEN, RESET_TOKEN, VERIFY_TOKEN
from tests.factories.accounts import PASSWORD

PORTAL = {"accounts", "organizations", "apikeys", "analytics", "webhooks", "audit"}
NEW_PASSWORD = "four other quiet words"
FORM = "application/x-www-form-urlencoded"
_KEY = {
    "name": "Checkout",
    "description": "Shop",
    "scopes": "orders:read",
    "expires_at": "2029-01-01T00:00",
    "rate_limit": "5",
    "rate_per_seconds": "60",
    "rate_burst": "6",
    "quota_limit": "100",
    "quota_period": "day",
    "credits": "12.5",
    "credits_refill": "month",
    "ip_allowlist": "10.0.0.0/8",
    "allowed_origins": "https://app.example.com",
    "external_id": "e",
    "metadata": '{"a": 1}',
}
_WEBHOOK = {
    "url": "http://127.0.0.1:8099/hook",
    "description": "Books",
    "event_types": "*",
    "headers": "X-A: b",
    "filters": 'data.plan equals "PRO"',
    "ordering_path": "data.x",
    "concurrency": "5",
}
_ROLE = {"name": "Auditor", "description": "Looks", "permissions": "keys:read"}
_SETTINGS = {
    "name": "Acme",
    "billing_name": "Acme Inc.",
    "billing_email": "bills@example.com",
    "tax_id": "1",
    "country": "FR",
    "line1": "1 Street",
    "line2": "Yard",
    "postal_code": "75001",
    "city": "Paris",
    "state": "IDF",
}
_FACTOR = {"password": PASSWORD, "code": "123456"}
_PASSKEY = {"credential": "{}", "next": "/keys/"}
# Whom the page is for, and what they fill in.
FORMS: dict[str, tuple[str, dict[str, str]]] = {
    "accounts:register": (
        "anonymous",
        {"email": "new@example.com", "full_name": "New", "password": NEW_PASSWORD},
    ),
    "accounts:login": (
        "anonymous",
        {"email": "olivia@example.com", "password": PASSWORD, "next": "/keys/"},
    ),
    "accounts:login-code": ("anonymous", {"code": "123456", "trust_device": "on", "next": "/"}),
    "accounts:logout": ("owner", {"next": "/login/"}),
    "accounts:verify-email": ("anonymous", {}),
    "accounts:verify-email-resend": ("anonymous", {"email": "olivia@example.com"}),
    "accounts:password-reset": ("anonymous", {"email": "olivia@example.com"}),
    "accounts:password-new": ("anonymous", {"password": NEW_PASSWORD}),
    "accounts:email-change-answer": ("anonymous", {"answer": "refuse"}),
    "accounts:profile": ("owner", {"full_name": "Olivia", "time_zone": "Europe/Paris"}),
    "accounts:avatar": ("owner", {"file": "x"}),
    "accounts:avatar-remove": ("owner", {}),
    "accounts:password-change": (
        "owner",
        {"current_password": PASSWORD, "new_password": NEW_PASSWORD},
    ),
    "accounts:email-change": ("owner", {"email": "new@example.com", "password": PASSWORD}),
    "accounts:email-change-cancel": ("owner", {}),
    "accounts:export-request": ("owner", {}),
    "accounts:deletion": ("viewer", {"password": PASSWORD}),
    "accounts:deletion-cancel": ("owner", {}),
    "accounts:notices-read": ("owner", {"up_to": "1"}),
    "accounts:notice-read": ("owner", {}),
    "accounts:two-factor": ("owner", {"code": "123456", "next": "/keys/"}),
    "accounts:two-factor-off": ("owner", _FACTOR),
    "accounts:second-factor": ("owner", {"code": "123456", "next": "/keys/"}),
    "accounts:recovery-codes": ("owner", _FACTOR),
    "accounts:session-end": ("owner", {}),
    "accounts:sessions-end-others": ("owner", {}),
    "accounts:sessions-end-all": ("owner", {}),
    "accounts:device-remove": ("owner", {}),
    "accounts:confirm": ("owner", {"by": "password", "password": PASSWORD, "next": "/keys/"}),
    "accounts:passkey-sign-in": ("anonymous", _PASSKEY),
    "accounts:passkey-second-factor": ("anonymous", _PASSKEY),
    "accounts:passkey-second-factor-options": ("anonymous", {}),
    "accounts:passkey-add": ("owner", {"name": "Laptop", "credential": "{}"}),
    "accounts:passkey-rename": ("admin", {"name": "Laptop"}),
    "accounts:passkey-remove": ("admin", {}),
    "organizations:settings": ("owner", _SETTINGS),
    "organizations:policy": (
        "owner",
        {
            "requires_two_factor": "",
            "console_networks": "127.0.0.0/8",
            "max_key_age_days": "90",
            "allowed_scopes": "orders:*",
        },
    ),
    "organizations:transfer": ("owner", {"user_id": "$user_id"}),
    "organizations:close": ("owner", {"name": "Olivia's organization"}),
    "organizations:switch": ("owner", {"organization": "$organization_id"}),
    "organizations:leave": ("member", {}),
    "organizations:create": ("owner", {"name": "Second"}),
    "organizations:member-role": ("owner", {"role": "ADMIN"}),
    "organizations:member-remove": ("owner", {}),
    "organizations:invite": ("owner", {"email": "new@example.com", "role": "MEMBER"}),
    "organizations:invitation-resend": ("owner", {}),
    "organizations:invitation-revoke": ("owner", {}),
    "organizations:role-create": ("owner", _ROLE),
    "organizations:role-edit": ("owner", _ROLE),
    "organizations:role-delete": ("owner", {"role": "VIEWER"}),
    "organizations:grant-list": (
        "owner",
        {
            "email": "mia@example.com",
            "permission": "keys:write",
            "on": "organization:$organization_id",
        },
    ),
    "organizations:grant-take": ("owner", {}),
    "organizations:invitation": ("stranger", {"answer": "accept"}),
    "organizations:invitation-answer": ("stranger", {"answer": "accept"}),
    "apikeys:key-create": ("owner", {**_KEY, "environment": "test"}),
    "apikeys:key-edit": ("owner", {**_KEY, "enabled": "on"}),
    "apikeys:key-rotate": ("owner", {"overlap_seconds": "3600"}),
    "apikeys:key-revoke": ("owner", {}),
    "analytics:live-ticket": ("owner", {}),
    "webhooks:webhook-create": (
        "owner",
        {**_WEBHOOK, "kind": "standard", "signature": "symmetric"},
    ),
    "webhooks:webhook-edit": ("owner", _WEBHOOK),
    "webhooks:webhook-rotate": ("owner", {"overlap_seconds": "3600"}),
    "webhooks:webhook-delete": ("owner", {}),
    "webhooks:webhook-switch": ("owner", {"to": "disabled"}),
    "webhooks:webhook-test": ("owner", {"event_type": "api_key.created"}),
    "webhooks:send-again": (
        "owner",
        {"what": "recover", "since": "2026-01-01T00:00", "until": "2026-01-02T00:00"},
    ),
    "webhooks:conformance-start": ("owner", {}),
    "webhooks:delivery-resend": ("owner", {}),
    "audit:event-acknowledge": ("owner", {"note": "It was me."}),
}
TOKENS = {
    "accounts:verify-email": VERIFY_TOKEN,
    "accounts:password-new": RESET_TOKEN,
    "accounts:email-change-answer": CHANGE_TOKEN,
    "organizations:invitation": INVITATION_TOKEN,
}
# What a member of an organization may do whatever their role is; in these tests the viewer is whom they remove.
OF_EVERYBODY = {
    "organizations:member-remove",
    *("organizations:switch", "organizations:leave", "organizations:create"),
    *("organizations:invitation", "organizations:invitation-answer", "analytics:live-ticket"),
}
_ALIASES = {"apikeys": {"pk": "id"}, "webhooks": {"pk": "webhook_id", "delivery_pk": "delivery_id"}}


def routes():
    """Return the names of the parameters in the address of each page of the portal, tokens aside."""
    found = {}
    for app in get_resolver().url_patterns:
        if getattr(app, "namespace", None) in PORTAL:
            for page in app.url_patterns:
                name = f"{app.namespace}:{page.name}"
                found[name] = [] if name in TOKENS else list(page.pattern.converters)
    return found


class Visitors:
    """Those of the world, each with a browser; what they send is undone at once."""

    def __init__(self, world, portal, portal_as, redis_client):
        self.world, self._redis = world, redis_client
        self._browsers = {name: portal_as(person) for name, person in world.people.items()}
        self._browsers["anonymous"] = portal

    def path(self, name, whose="mine"):
        known = self.world.path_values(whose)
        if name in TOKENS:
            return reverse(name, kwargs={"token": TOKENS[name]})
        aliases = _ALIASES.get(name.partition(":")[0], {})
        return reverse(name, kwargs={one: known[aliases.get(one, one)] for one in routes()[name]})

    def values(self, name):
        known = self.world.path_values("mine")
        return {
            field: Template(text).safe_substitute(known) for field, text in FORMS[name][1].items()
        }

    def send(self, name, pairs, *, who="", whose="mine", check=lambda answer: None, **how):
        """Send a form as urlencoded pairs, and return the answer and what the check told of it before it was undone."""
        who, path = who or FORMS[name][0], self.path(name, whose)
        browser = self._browsers[who]
        cookies = {key: morsel.value for key, morsel in browser.cookies.items()}
        servers.forget_redis_keys(self._redis, settings.REDIS_PREFIX)
        token = [] if who == "anonymous" else [(once.FIELD, browser.token_for(path))]
        with transaction.atomic():
            answer = browser.generic(
                "POST", path, urlencode([*token, *pairs]), content_type=FORM, **how
            )
            found = check(answer)
            transaction.set_rollback(True)
        browser.cookies.clear()
        browser.cookies.load(cookies)
        return answer, found
