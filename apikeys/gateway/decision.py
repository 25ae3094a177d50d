"""May this key be used here and now, for this? The checks that count nothing, in their order. Pure."""

from apikeys.gateway.records import KeyRecord
from apikeys.gateway.refusals import Outcome
from apikeys.gateway.routes import Route
from apikeys.restrictions import ScopeExpression


def refusal_of(
    record: KeyRecord,
    now_ms: float,
    address: str | None,
    origin: str | None,
    *,
    is_service: bool = False,
) -> Outcome | None:
    """Return why the key itself may not be used here and now: enabled, expiry, suspended, address, origin.

    A service key opens no API: to whoever presents one as a customer's key it does not exist.
    """
    checks = (
        (record.is_service_key is not is_service, Outcome.NOT_FOUND),
        (record.is_revoked, Outcome.REVOKED),
        (record.is_disabled, Outcome.DISABLED),
        (record.expires_ms is not None and now_ms >= record.expires_ms, Outcome.EXPIRED),
        (record.is_suspended, Outcome.SUSPENDED),
        (not record.addresses.allows(address), Outcome.FORBIDDEN_IP),
        (not record.origins.allows(origin), Outcome.FORBIDDEN_ORIGIN),
    )
    return next((outcome for is_so, outcome in checks if is_so), None)


def scope_refusal_of(
    record: KeyRecord, route: Route, asked: ScopeExpression | None = None, resource: str = ""
) -> Outcome | None:
    """Return why the key may not do this: the API's policy, the rule's scope, the scopes the caller asks for."""
    if route.is_denied or route.is_disabled:
        return Outcome.ROUTE_DENIED
    if not route.is_scope_readable:
        return Outcome.INSUFFICIENT_SCOPE
    for expression in (route.scope, asked):
        if expression is not None and not expression.is_met_by(record.scopes, resource):
            return Outcome.INSUFFICIENT_SCOPE
    return None
