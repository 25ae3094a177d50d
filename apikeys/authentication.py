"""API keys in Django REST framework: who presents one acts for the key's organization, and for nobody in person."""

from dataclasses import dataclass
from time import time
from typing import Final

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from apikeys.gateway import blocking
from apikeys.gateway.decision import refusal_of
from apikeys.gateway.headers import presented_key
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.refusals import Outcome, error_of
from apikeys.services import refusals
from apikeys.services.platform_scopes import opened_by
from config.common import context
from organizations.access import Tenant
from organizations.models import Organization

_PRESENTED: Final = (
    (b"authorization", "HTTP_AUTHORIZATION"),
    (b"x-api-key", "HTTP_X_API_KEY"),
)


@dataclass(frozen=True, slots=True)
class KeyPrincipal:
    """The `request.user` of a call with a key: authenticated, active, and no person."""

    key_id: int
    pk: None = None
    id: None = None
    is_authenticated: bool = True
    is_anonymous: bool = False
    is_active: bool = True
    is_staff: bool = False

    def __str__(self) -> str:
        return f"API key {self.key_id}"


@dataclass(frozen=True, slots=True)
class KeyCredentials:
    """The `request.auth` of a call with a key."""

    record: KeyRecord

    def tenant(self) -> Tenant:
        """Return the organization the key acts for, and what its `tollgate:` scopes permit there."""
        organization = Organization.objects.get(pk=self.record.organization_id)
        return Tenant(organization, None, "", opened_by(self.record.scope_names))


class ApiKeyAuthentication(BaseAuthentication):
    """Reads `Authorization: Bearer` or `X-API-Key`; leaves tokens that do not look like a key to other classes."""

    def authenticate(self, request: Request) -> tuple[KeyPrincipal, KeyCredentials] | None:
        """Return who calls, None when no key is presented. Raises the domain error of a refusal."""
        meta = request.META
        named = {
            name: value.encode("latin-1", "replace")
            for name, variable in _PRESENTED
            if (value := meta.get(variable)) is not None
        }
        secret = presented_key(named).decode("latin-1")
        known = blocking.known_records()
        if not secret or (b"x-api-key" not in named and not _is_ours(secret, known.brand)):
            return None
        record = known.find(secret)
        if record is None:
            raise error_of(Outcome.NOT_FOUND)
        outcome = refusal_of(record, time() * 1000, context.current().ip, meta.get("HTTP_ORIGIN"))
        if outcome is not None:
            if outcome is Outcome.FORBIDDEN_IP:
                _tell_address_refused(record)
            raise error_of(outcome)
        context.set_actor(context.Actor(type="api_key", id=record.key_id, label=record.name))
        return KeyPrincipal(record.key_id), KeyCredentials(record)

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return 'Bearer realm="api"'


def _tell_address_refused(record: KeyRecord) -> None:
    if not record.organization_id:
        return
    here = context.current()
    refusals.tell_address_refused(
        organization_id=record.organization_id,
        key_id=record.key_id,
        ip=here.ip,
        user_agent=here.user_agent,
        request_id=here.request_id,
    )


def _is_ours(secret: str, brand: str) -> bool:
    return secret.startswith((f"{brand}_", f"{brand}s_"))


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Describes API keys to OpenAPI."""

    target_class = ApiKeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the security scheme."""
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key (`tg_live_…`) with `tollgate:` scopes; `X-API-Key` is read, too.",
        }
