"""The verbs of APIs and route rules. People need the permission to describe them; commands act without a person."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypedDict

from django.db import transaction

from accounts.models import User
from accounts.roles import PlatformPermission
from apikeys.models import Api, RouteRule
from apikeys.services import invalidation
from apikeys.services.api_checks import checked_api, checked_rule
from apikeys.signals import ApiChanged
from config.common.errors import Forbidden
from config.common.events import publish


class ApiSettings(TypedDict, total=False):
    """What an API can be told; `mode` and the defaults hold for calls that no rule describes."""

    name: str
    slug: str
    hosts: list[str]
    base_path: str
    upstream_note: str
    unknown_route_policy: str
    default_scope: str
    default_cost: int
    default_meter: str
    default_rate_limit: int | None
    default_rate_per_seconds: int | None
    default_rate_burst: int | None
    default_counted_statuses: list[str]
    mode: str
    sends_assertion: bool
    enabled: bool


class RuleSettings(TypedDict, total=False):
    """What a route rule can be told; an empty list of methods means any, an empty mode the API's own."""

    methods: list[str]
    path_pattern: str
    required_scope: str
    cost: int
    meter: str
    rate_limit: int | None
    rate_per_seconds: int | None
    rate_burst: int | None
    mode: str
    counted_statuses: list[str]


@transaction.atomic
def create_api(*, settings: ApiSettings, by: User | None, at: datetime) -> Api:
    """Describe a new API. Raises Forbidden or InvalidInput."""
    _require_right(by)
    api = Api()
    after = _assign(api, _columns(settings, at))
    checked_api(api)
    api.save(force_insert=True)
    _tell(api, before=None, after=after)
    return api


@transaction.atomic
def update_api(*, api: Api, settings: ApiSettings, by: User | None, at: datetime) -> Api:
    """Describe an API anew and return it; nothing happens when it is as it was. Raises Forbidden or InvalidInput."""
    _require_right(by)
    locked = _locked(api.pk)
    columns = _columns(settings, at)
    if "disabled_at" in columns and (columns["disabled_at"] is None) == (
        locked.disabled_at is None
    ):
        del columns["disabled_at"]
    names = _with_whole_rate(columns, "default_rate")
    before = {name: getattr(locked, name) for name in names}
    _assign(locked, columns)
    checked_api(locked)
    after = {name: getattr(locked, name) for name in names}
    if before == after:
        return locked
    locked.save(update_fields=[*names, "updated_at"])
    _tell(locked, before=before, after=after)
    return locked


@transaction.atomic
def delete_api(*, api: Api, by: User | None) -> None:
    """Forget an API and its rules; calls it described follow the other APIs. Raises Forbidden."""
    _require_right(by)
    locked = _locked(api.pk)
    before = {"slug": locked.slug, "rules": [str(rule) for rule in locked.rules.order_by("id")]}
    _tell(locked, before=before, after=None)
    locked.delete()


@transaction.atomic
def create_rule(*, api: Api, settings: RuleSettings, by: User | None) -> RouteRule:
    """Add a rule to an API. Raises Forbidden or InvalidInput."""
    _require_right(by)
    locked = _locked(api.pk)
    rule = RouteRule(api=locked)
    after = _assign(rule, dict(settings))
    checked_rule(rule)
    rule.save(force_insert=True)
    _tell(locked, before=None, after={"rule": rule.pk, **after})
    return rule


@transaction.atomic
def update_rule(*, rule: RouteRule, settings: RuleSettings, by: User | None) -> RouteRule:
    """Change a rule and return it; nothing happens when it is as it was. Raises Forbidden or InvalidInput."""
    _require_right(by)
    api = _locked(rule.api_id)
    present = api.rules.get(pk=rule.pk)
    names = _with_whole_rate(settings, "rate")
    before = {name: getattr(present, name) for name in names}
    _assign(present, dict(settings))
    checked_rule(present)
    after = {name: getattr(present, name) for name in names}
    if before == after:
        return present
    present.save(update_fields=[*names, "updated_at"])
    _tell(api, before={"rule": present.pk, **before}, after={"rule": present.pk, **after})
    return present


@transaction.atomic
def delete_rule(*, rule: RouteRule, by: User | None) -> None:
    """Take a rule away from its API. Raises Forbidden."""
    _require_right(by)
    api = _locked(rule.api_id)
    _tell(api, before={"rule": rule.pk, "matches": str(rule)}, after=None)
    rule.delete()


def _with_whole_rate(names: Iterable[str], stem: str) -> list[str]:
    """Return the names, and where one part of a rate is among them the others as well: the checks complete it."""
    parts = [f"{stem}_{part}" for part in ("limit", "per_seconds", "burst")]
    return list(dict.fromkeys([*names, *(parts if set(parts) & set(names) else ())]))


def _require_right(by: User | None) -> None:
    if by is not None and not by.may(PlatformPermission.APIS_WRITE):
        raise Forbidden(f"This needs the permission {PlatformPermission.APIS_WRITE.value}.")


def _locked(api_id: int) -> Api:
    return Api.objects.select_for_update(no_key=True).get(pk=api_id)


def _columns(settings: ApiSettings, at: datetime) -> dict[str, Any]:
    columns: dict[str, Any] = dict(settings)
    if "enabled" in columns:
        columns["disabled_at"] = None if columns.pop("enabled") else at
    return columns


def _assign(row: Api | RouteRule, columns: dict[str, Any]) -> dict[str, Any]:
    for name, value in columns.items():
        setattr(row, name, value)
    return columns


def _tell(api: Api, *, before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
    publish(ApiChanged(api_id=api.pk, slug=api.slug, before=_told(before), after=_told(after)))
    # Rows of rules are part of their API: a trigger raises its version, this only hurries the gates.
    invalidation.apis_changed()


def _told(columns: dict[str, Any] | None) -> dict[str, Any] | None:
    if columns is None:
        return None
    told = {name: value for name, value in columns.items() if name != "disabled_at"}
    if "disabled_at" in columns:
        told["enabled"] = columns["disabled_at"] is None
    return told
