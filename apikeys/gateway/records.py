"""What the gate knows of one secret: the key, its organization, plan and creator, loaded by one statement.

The statements are plain SQL with psycopg's placeholders: the gate runs them on its own asynchronous connections, the
DRF classes on Django's cursor.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from apikeys.gateway.limits import DEFAULT_RATE, Rate
from apikeys.restrictions import AddressList, OriginList, QuotaPeriod, Refill, Scopes

# Everything that, when it changes, makes a record stale. `concat` writes nothing for NULL, hence the separators.
_VERSION: Final = """
concat(s.id, ':', extract(epoch FROM s.expires_at), ':', k.version, ':', v.version, ':', o.version, ':', u.status,
       ':', b.id, ':', b.version, ':', p.version)
"""
_SOURCE: Final = """
FROM apikeys_secret s
LEFT JOIN apikeys_apikey k ON k.id = s.api_key_id
LEFT JOIN apikeys_servicekey v ON v.id = s.service_key_id
LEFT JOIN organizations_organization o ON o.id = k.organization_id
LEFT JOIN accounts_user u ON u.id = k.created_by_id
LEFT JOIN billing_subscription b ON b.organization_id = o.id AND b.status = 'ACTIVE'
LEFT JOIN billing_plan p ON p.id = b.plan_id
"""
_RECORDS: Final = f"""
SELECT s.digest, json_build_object(
    'secret_id', s.id, 'secret_expires_ms', floor(extract(epoch FROM s.expires_at) * 1000)::bigint,
    'key', CASE WHEN k.id IS NOT NULL THEN json_build_object(
        'id', k.id, 'name', k.name, 'environment', k.environment, 'scopes', k.scopes,
        'ip_allowlist', k.ip_allowlist, 'allowed_origins', k.allowed_origins,
        'rate', CASE WHEN k.rate_limit IS NOT NULL
                THEN json_build_array(k.rate_limit, k.rate_per_seconds, k.rate_burst) END,
        'quota_limit', k.quota_limit, 'quota_period', k.quota_period,
        'credits_micro', k.credits_micro, 'credits_refill', k.credits_refill,
        'credits_since_s', floor(extract(epoch FROM k.credits_since))::bigint,
        'metadata', k.metadata::text, 'external_id', k.external_id,
        'expires_ms', floor(extract(epoch FROM k.expires_at) * 1000)::bigint,
        'is_disabled', k.disabled_at IS NOT NULL, 'is_revoked', k.revoked_at IS NOT NULL,
        'creator_status', u.status) END,
    'service', CASE WHEN v.id IS NOT NULL THEN json_build_object(
        'id', v.id, 'name', v.name, 'scopes', v.scopes, 'ip_allowlist', v.ip_allowlist,
        'expires_ms', floor(extract(epoch FROM v.expires_at) * 1000)::bigint,
        'is_revoked', v.revoked_at IS NOT NULL) END,
    'organization', CASE WHEN o.id IS NOT NULL THEN json_build_object(
        'id', o.id, 'status', o.status, 'quota_limit', o.quota_limit,
        'rate', CASE WHEN o.rate_limit IS NOT NULL
                THEN json_build_array(o.rate_limit, o.rate_per_seconds, o.rate_burst) END) END,
    'plan', CASE WHEN p.id IS NOT NULL THEN json_build_object(
        'code', p.code, 'rate', json_build_array(p.rate_limit, p.rate_per_seconds, p.rate_burst),
        'rate_ceiling', p.rate_ceiling, 'quota_limit', p.quota_limit,
        'anchor_s', floor(extract(epoch FROM b.anchor_at))::bigint) END)::text,
    {_VERSION}
{_SOURCE}
"""  # noqa: S608  assembled from constants
# One parameter: the digests (bytea[]). Rows: digest, document, version.
LOAD_SQL: Final = f"{_RECORDS} WHERE s.digest = ANY(%s::bytea[])"
# One parameter: ids of customers' keys (bigint[]). Rows as above, of the newest secret of each.
OF_KEYS_SQL: Final = f"""
{_RECORDS}
WHERE s.id IN (SELECT max(id) FROM apikeys_secret WHERE api_key_id = ANY(%s::bigint[]) GROUP BY api_key_id)
"""  # noqa: S608  assembled from constants
# One parameter: ids of secrets (bigint[]). Rows: id, version. A secret without a row was deleted.
VERSIONS_SQL: Final = f"SELECT s.id, {_VERSION} {_SOURCE} WHERE s.id = ANY(%s::bigint[])"
# No parameter. One row: a fingerprint of every API and rule.
ROUTES_VERSION_SQL: Final = """
SELECT md5(concat((SELECT string_agg(a::text, '|' ORDER BY a.id) FROM apikeys_api a), '||',
                  (SELECT string_agg(r::text, '|' ORDER BY r.id) FROM apikeys_routerule r)))
"""
# No parameter. One row: all APIs with their rules, as `routes.RouteTable` takes them.
ROUTES_SQL: Final = """
SELECT coalesce(json_agg(json_build_object(
    'id', a.id, 'slug', a.slug, 'hosts', a.hosts, 'base_path', a.base_path,
    'unknown_route_policy', a.unknown_route_policy, 'default_scope', a.default_scope,
    'default_cost', a.default_cost, 'default_meter', a.default_meter, 'mode', a.mode,
    'default_rate_limit', a.default_rate_limit, 'default_rate_per_seconds', a.default_rate_per_seconds,
    'default_rate_burst', a.default_rate_burst,
    'sends_assertion', a.sends_assertion, 'is_disabled', a.disabled_at IS NOT NULL,
    'rules', (SELECT coalesce(json_agg(json_build_object(
        'id', r.id, 'methods', r.methods, 'path_pattern', r.path_pattern, 'required_scope', r.required_scope,
        'cost', r.cost, 'meter', r.meter, 'rate_limit', r.rate_limit, 'rate_per_seconds', r.rate_per_seconds,
        'rate_burst', r.rate_burst, 'mode', r.mode) ORDER BY r.id), '[]')
        FROM apikeys_routerule r WHERE r.api_id = a.id)) ORDER BY a.id), '[]')::text
FROM apikeys_api a
"""
# Six parameters of equal length: numbers (int[]), kinds ('k' or 'o', text[]), ids (bigint[]), starts in unix seconds
# (bigint[]), what one unit adds (bigint[]), names (text[]). Rows: number, what the counter has to say. The hour in which
# a period begins counts for the period before it. Units that are owed back are in no sum any more: what lowers the
# counter by them is yet to come.
SEEDS_SQL: Final = """
SELECT w.n, coalesce(owed.amount, 0) + w.per_unit * CASE w.kind
    WHEN 'k' THEN (SELECT coalesce(sum(g.units), 0)::bigint FROM apikeys_keyusage g
                   WHERE g.api_key_id = w.id AND g.hour >= to_timestamp(w.since))
    ELSE (SELECT coalesce(sum(g.units), 0)::bigint FROM apikeys_keyusage g
          WHERE g.organization_id = w.id AND g.hour >= to_timestamp(w.since)) END
FROM unnest(%s::int[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
    AS w(n, kind, id, since, per_unit, name)
LEFT JOIN (SELECT name, sum(amount::bigint)::bigint AS amount
           FROM apikeys_returnedunits, jsonb_each_text(counters) AS each (name, amount) GROUP BY name) owed
    ON owed.name = w.name
"""
# Two parameters of equal length: ids (bigint[]), seconds since their last use (float8[]).
SERVICE_KEYS_USED_SQL: Final = """
UPDATE apikeys_servicekey v
SET last_used_at = greatest(v.last_used_at, now() - make_interval(secs => u.age))
FROM unnest(%s::bigint[], %s::float8[]) AS u(id, age)
WHERE v.id = u.id
"""

_MAX_SCOPES_HEADER: Final = 2000
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.:/*-]")


@dataclass(frozen=True, slots=True)
class Quota:
    """Units that may be used in one period; `counter` is the stem of the Redis key that counts them."""

    name: str
    limit: int
    period: QuotaPeriod
    anchor: datetime | None
    counter: str
    kind: str
    owner_id: int


@dataclass(frozen=True, slots=True)
class Credits:
    """Prepaid micro-units of one key; those that are never filled up pay for calls since a moment in unix seconds."""

    limit_micro: int
    refill: Refill
    since: int = 0


@dataclass(slots=True, eq=False)
class KeyRecord:
    """One secret and all that decides about its calls.

    `is_checked` is false for the many keys on which no check of their own can fail; `plans` remembers what was
    computed from the record, `used_at` when it was last needed.
    """

    secret_id: int
    version: str
    is_service_key: bool
    key_id: int
    name: str
    organization_id: int = 0
    environment: str = ""
    plan: str = ""
    scope_names: tuple[str, ...] = ()
    scopes: Scopes = field(default_factory=lambda: Scopes(()))
    addresses: AddressList = field(default_factory=lambda: AddressList(()))
    origins: OriginList = field(default_factory=lambda: OriginList(()))
    is_revoked: bool = False
    is_disabled: bool = False
    is_suspended: bool = False
    expires_ms: int | None = None
    is_checked: bool = True
    rate: Rate = DEFAULT_RATE
    quotas: tuple[Quota, ...] = ()
    credits: Credits | None = None
    head: bytes = b""
    fragment: bytes = b""
    plans: dict[Any, Any] = field(default_factory=dict)
    used_at: float = 0.0


def read_record(document: str | bytes, version: str) -> KeyRecord:
    """Build a record from the statement's document."""
    row = orjson.loads(document)
    record = _service_record(row, version) if row["service"] else _key_record(row, version)
    record.is_checked = bool(
        record.is_service_key
        or record.is_revoked
        or record.is_disabled
        or record.is_suspended
        or record.expires_ms is not None
        or record.addresses
        or record.origins
    )
    return record


def _service_record(row: Mapping[str, Any], version: str) -> KeyRecord:
    service = row["service"]
    return KeyRecord(
        secret_id=row["secret_id"],
        version=version,
        is_service_key=True,
        key_id=service["id"],
        name=service["name"],
        scope_names=tuple(service["scopes"]),
        scopes=Scopes(service["scopes"]),
        addresses=AddressList(service["ip_allowlist"]),
        is_revoked=service["is_revoked"],
        expires_ms=_earliest(service["expires_ms"], row["secret_expires_ms"]),
    )


def _key_record(row: Mapping[str, Any], version: str) -> KeyRecord:
    key, organization, plan = row["key"], row["organization"], row["plan"]
    expires_ms = _earliest(key["expires_ms"], row["secret_expires_ms"])
    plan_code = plan["code"] if plan else ""
    return KeyRecord(
        secret_id=row["secret_id"],
        version=version,
        is_service_key=False,
        key_id=key["id"],
        name=key["name"],
        organization_id=organization["id"],
        environment=key["environment"],
        plan=plan_code,
        scope_names=tuple(key["scopes"]),
        scopes=Scopes(key["scopes"]),
        addresses=AddressList(key["ip_allowlist"]),
        origins=OriginList(key["allowed_origins"]),
        is_revoked=key["is_revoked"],
        is_disabled=key["is_disabled"],
        is_suspended=organization["status"] != "ACTIVE" or key["creator_status"] == "SUSPENDED",
        expires_ms=expires_ms,
        rate=_effective_rate(organization, key, plan),
        quotas=_quotas(organization, key, plan),
        credits=_credits(key),
        head=_head(key, organization["id"], plan_code),
        fragment=_fragment(key, organization["id"], plan_code, expires_ms),
    )


def _earliest(*moments: int | None) -> int | None:
    known = [moment for moment in moments if moment is not None]
    return min(known) if known else None


def _effective_rate(
    organization: Mapping[str, Any], key: Mapping[str, Any], plan: Mapping[str, Any] | None
) -> Rate:
    """Organization override, then the key's own rate within the plan's ceiling, then the plan, then the default."""
    if organization["rate"]:
        return Rate(*organization["rate"])
    if key["rate"]:
        return Rate(*key["rate"]).clamped(plan["rate_ceiling"] if plan else None)
    return Rate(*plan["rate"]) if plan else DEFAULT_RATE


def _quotas(
    organization: Mapping[str, Any], key: Mapping[str, Any], plan: Mapping[str, Any] | None
) -> tuple[Quota, ...]:
    """The key's own quota, named by its period, and the organization's, which is counted per billing period."""
    anchor = datetime.fromtimestamp(plan["anchor_s"], UTC) if plan else None
    quotas = []
    if key["quota_limit"] is not None:
        period = QuotaPeriod(key["quota_period"])
        quotas.append(
            Quota(
                period.value, key["quota_limit"], period, anchor, f"q:k:{key['id']}", "k", key["id"]
            )
        )
    limit = organization["quota_limit"]
    if limit is None and plan:
        limit = plan["quota_limit"]
    if limit is not None:
        name = "organization" if quotas and quotas[0].name == "month" else "month"
        owner = organization["id"]
        quotas.append(Quota(name, limit, QuotaPeriod.BILLING, anchor, f"q:o:{owner}", "o", owner))
    return tuple(quotas)


def _credits(key: Mapping[str, Any]) -> Credits | None:
    if key["credits_micro"] is None:
        return None
    since = key["credits_since_s"] or 0
    return Credits(key["credits_micro"], Refill(key["credits_refill"]), since)


def _head(key: Mapping[str, Any], organization_id: int, plan: str) -> bytes:
    """Return the identity headers. Only integers and characters that scopes and plan codes are made of are written."""
    scopes = ""
    for scope in key["scopes"]:
        # Whole scopes only: a proxy's buffer for headers is small, and half a scope would be another one.
        if not _UNSAFE.search(scope) and len(scopes) + len(scope) < _MAX_SCOPES_HEADER:
            scopes += f" {scope}" if scopes else scope
    lines = f"x-org-id: {organization_id}\r\nx-key-id: {key['id']}\r\nx-plan: {_UNSAFE.sub('', plan)}\r\n"
    return (lines + f"x-scopes: {scopes}\r\n").encode("ascii")


def _fragment(
    key: Mapping[str, Any], organization_id: int, plan: str, expires_ms: int | None
) -> bytes:
    """Return the members of a verification's answer that are the key's own."""
    expires_at = None
    if expires_ms is not None:
        moment = datetime.fromtimestamp(expires_ms / 1000, UTC)
        expires_at = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    members = {
        "key_id": key["id"],
        "organization_id": organization_id,
        "name": key["name"],
        "environment": key["environment"],
        "external_id": key["external_id"] or None,
        "metadata": orjson.Fragment(key["metadata"]),
        "scopes": key["scopes"],
        "expires_at": expires_at,
        "plan": plan or None,
    }
    return orjson.dumps(members)[1:-1]


def read_rows(rows: Sequence[Sequence[Any]]) -> dict[bytes, KeyRecord]:
    """Build the records of `LOAD_SQL`'s rows by digest."""
    return {bytes(digest): read_record(document, version) for digest, document, version in rows}
