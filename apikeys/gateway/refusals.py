"""Why a call may not pass: one code for the verification's answer, one domain error for the problem document."""

from enum import StrEnum
from typing import Any

from config.common.errors import (
    DomainError,
    InvalidInput,
    ServiceUnavailable,
    TooManyRequests,
    Unauthenticated,
)


class Outcome(StrEnum):
    """What became of a call; stable for clients, metrics and usage events."""

    VALID = "VALID"
    MISSING = "MISSING"
    NOT_FOUND = "NOT_FOUND"
    REVOKED = "REVOKED"
    DISABLED = "DISABLED"
    EXPIRED = "EXPIRED"
    SUSPENDED = "SUSPENDED"
    FORBIDDEN_IP = "FORBIDDEN_IP"
    FORBIDDEN_ORIGIN = "FORBIDDEN_ORIGIN"
    ROUTE_DENIED = "ROUTE_DENIED"
    INSUFFICIENT_SCOPE = "INSUFFICIENT_SCOPE"
    RATE_LIMITED = "RATE_LIMITED"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS"
    UNAVAILABLE = "UNAVAILABLE"
    INVALID = "INVALID"


class KeyMissing(Unauthenticated):
    """The call carries no API key."""

    code = "key_missing"
    title = "An API key is needed"
    fix = "Send the key as `Authorization: Bearer <key>` or as `X-API-Key: <key>`."
    answered_by = ("whoami",)


class KeysContradict(InvalidInput):
    """The call carries two different API keys."""

    code = "keys_contradict"
    title = "Two different API keys"
    fix = "Send one key, in one of the two headers."
    answered_by = ("whoami",)


class KeyNotFound(Unauthenticated):
    """No key has this secret, or it was typed wrongly."""

    code = "key_not_found"
    title = "The API key is not known"
    fix = "Compare the key with the one you were shown; if it is lost, create or rotate one."
    answered_by = ("whoami",)


class KeyRevoked(Unauthenticated):
    """The key was revoked."""

    code = "key_revoked"
    title = "The API key was revoked"
    fix = "Create another key and use it instead."
    answered_by = ("whoami",)


class KeyDisabled(Unauthenticated):
    """The key is switched off for now."""

    code = "key_disabled"
    title = "The API key is disabled"
    fix = "Enable the key in the portal or through the API."
    answered_by = ("whoami",)


class KeyExpired(Unauthenticated):
    """The key, or this secret of it, has expired."""

    code = "key_expired"
    title = "The API key has expired"
    fix = "Rotate the key or move its expiry, then use the new secret."
    answered_by = ("whoami",)


class KeySuspended(DomainError):
    """The organization, or the person who made the key, is suspended."""

    code = "suspended"
    title = "Suspended"
    status = 403
    fix = "Ask the seller's support why; nothing in the request can change it."
    answered_by = ("whoami",)


class AddressForbidden(DomainError):
    """The key may not be used from this address."""

    code = "forbidden_ip"
    title = "Address not allowed"
    status = 403
    fix = "Call from an address on the key's allow-list, or add this one to it."
    answered_by = ("whoami",)


class OriginForbidden(DomainError):
    """The key may not be used from this origin."""

    code = "forbidden_origin"
    title = "Origin not allowed"
    status = 403
    fix = "Call from an origin on the key's list, or add this one to it."
    answered_by = ("whoami",)


class RouteDenied(DomainError):
    """The API does not offer this method and path."""

    code = "route_denied"
    title = "Not offered"
    status = 403
    fix = "Compare method and path with the API's documentation."


class PathAmbiguous(InvalidInput):
    """Different servers would read this path differently."""

    code = "path_ambiguous"
    title = "The path is ambiguous"
    fix = "Send the path without encoded slashes, dot segments or double encoding."


class ScopeInsufficient(DomainError):
    """The key's scopes do not cover this call."""

    code = "insufficient_scope"
    title = "Insufficient scope"
    status = 403
    fix = "Use a key with the scope that this call needs, or add the scope to the key."
    answered_by = ("keys_verify",)


class QuotaExceeded(TooManyRequests):
    """The quota of the period is used up."""

    code = "quota_exceeded"
    fix = "Wait until the period ends, as `Retry-After` says, or move to a larger plan."
    members = {"violated_policies": ("Which of the key's policies refused.", ["month"])}


class CreditsInsufficient(DomainError):
    """The key's credits do not cover this call."""

    code = "insufficient_credits"
    title = "Not enough credits"
    status = 402
    fix = "Give the key more credits at `top_up_url`, or wait until they are filled up again."
    members = {
        "balance": ("Credits that the key has left.", "1.5"),
        "required": ("Credits that the call costs.", "2"),
        "top_up_url": ("The key's page.", "https://tollgate.example.com/keys/42/"),
    }


class RequestTooSlow(DomainError):
    """The request did not arrive in time."""

    code = "request_timeout"
    title = "The request took too long to arrive"
    status = 408
    fix = "Send the whole request at once."


class ApiUnreachable(DomainError):
    """The API behind the gate cannot be reached; the proxy before it says so."""

    code = "api_unreachable"
    title = "The API cannot be reached"
    status = 502
    fix = "Try again later. Whether the API has seen the call, nobody can tell."
    retry = "Yes, with growing pauses, if it may be carried out twice."


class ApiTooSlow(DomainError):
    """The API behind the gate did not answer in time; the proxy before it says so."""

    code = "api_timeout"
    title = "The API did not answer in time"
    status = 504
    fix = "Look first whether the call was carried out, then try again."
    retry = "Yes, with growing pauses, if it may be carried out twice."


ERRORS: dict[Outcome, type[DomainError]] = {
    Outcome.MISSING: KeyMissing,
    Outcome.NOT_FOUND: KeyNotFound,
    Outcome.REVOKED: KeyRevoked,
    Outcome.DISABLED: KeyDisabled,
    Outcome.EXPIRED: KeyExpired,
    Outcome.SUSPENDED: KeySuspended,
    Outcome.FORBIDDEN_IP: AddressForbidden,
    Outcome.FORBIDDEN_ORIGIN: OriginForbidden,
    Outcome.ROUTE_DENIED: RouteDenied,
    Outcome.INSUFFICIENT_SCOPE: ScopeInsufficient,
    Outcome.RATE_LIMITED: TooManyRequests,
    Outcome.QUOTA_EXCEEDED: QuotaExceeded,
    Outcome.INSUFFICIENT_CREDITS: CreditsInsufficient,
    Outcome.UNAVAILABLE: ServiceUnavailable,
}


def error_of(outcome: Outcome, detail: str = "", **extras: Any) -> DomainError:
    """Return the domain error of a refusal; challenge and Retry-After are filled in where the status asks for one."""
    error = ERRORS[outcome](detail, **extras)
    if error.status == 401:
        is_missing = outcome is Outcome.MISSING
        challenge = 'Bearer realm="api"' + ("" if is_missing else ', error="invalid_token"')
        error.headers["WWW-Authenticate"] = challenge
    if error.status == 503:
        error.headers["Retry-After"] = "2"
    return error
