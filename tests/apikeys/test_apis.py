"""Describing the APIs that are sold, and their route rules."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from apikeys.models import Api, ApiKey, RouteRule
from apikeys.services import apis
from audit.models import AuditLog
from config.common.errors import Forbidden, InvalidInput
from tests.factories.apikeys import ApiFactory

pytestmark = pytest.mark.django_db


def pointers(refusal):
    """Return where the faults are."""
    return [fault.pointer for fault in refusal.value.errors]


def test_staff_describe_an_api(sam):
    api = apis.create_api(
        settings={
            "name": "Orders", "slug": "orders", "hosts": ["API.Example.com.", "api.example.com"],
            "base_path": "//v1//orders/", "default_scope": "orders:read OR admin", "default_cost": 2,
            "mode": "leased", "unknown_route_policy": "deny", "enabled": False, "default_rate_limit": 5,
            "default_counted_statuses": ["5XX", "2xx"],
        },
        by=sam,
        at=timezone.now(),
    )  # fmt: skip

    assert (api.default_rate_per_seconds, api.default_rate_burst) == (1, 5)
    assert api.default_counted_statuses == ["2xx", "5xx"]
    assert (api.hosts, api.base_path) == (["api.example.com"], "/v1/orders")
    assert api.disabled_at is not None


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ({"slug": "two words"}, ["#/slug"]),
        ({"base_path": "/orders/*"}, ["#/base_path"]),
        ({"base_path": "/orders/{id}"}, ["#/base_path"]),
        ({"base_path": "/a/../b"}, ["#/base_path"]),
        ({"hosts": ["https://api.example.com"]}, ["#/hosts/0"]),
        ({"hosts": ["a.example.com", "b:8000"]}, ["#/hosts/1"]),
        ({"default_scope": "orders:read AND"}, ["#/default_scope"]),
        ({"default_meter": "Calls made"}, ["#/default_meter"]),
        ({"mode": "fast"}, ["#/mode"]),
        ({"default_counted_statuses": ["2xx", "ok"]}, ["#/default_counted_statuses/1"]),
        ({"default_rate_burst": 5}, ["#/default_rate_limit"]),
        ({"default_rate_limit": 0}, ["#/default_rate_limit"]),
        ({"name": ""}, ["#/name"]),
    ],
)
def test_points_to_what_is_not_valid(settings, places):
    with pytest.raises(InvalidInput) as refusal:
        ApiFactory.create(**settings)

    assert pointers(refusal) == places
    assert not Api.objects.exists()


def test_a_slug_is_taken_once():
    ApiFactory.create(slug="orders")

    with pytest.raises(InvalidInput) as refusal:
        ApiFactory.create(slug="orders")

    assert pointers(refusal) == ["#/slug"]


def test_rules_are_kept_in_canonical_form():
    rule = apis.create_rule(
        api=ApiFactory.create(),
        settings={
            "methods": ["post", " GET", "get"],
            "path_pattern": "/orders/{id}/*",
            "required_scope": "orders:read AND (a OR b)",
            "cost": 5,
            "counted_statuses": ["5XX", "2xx", "404"],
            "rate_limit": 5,
        },
        by=None,
    )

    assert rule.methods == ["GET", "POST"]
    assert rule.counted_statuses == ["2xx", "404", "5xx"]
    assert (rule.rate_limit, rule.rate_per_seconds, rule.rate_burst) == (5, 1, 5)
    assert str(rule) == "GET,POST /orders/{id}/*"


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"path_pattern": "orders"}, "#/path_pattern"),
        ({"path_pattern": "/orders/*/items"}, "#/path_pattern"),
        ({"path_pattern": "/orders/{id"}, "#/path_pattern"),
        ({"methods": ["G ET"]}, "#/methods/0"),
        ({"required_scope": "a b"}, "#/required_scope"),
        ({"meter": ""}, "#/meter"),
        ({"counted_statuses": ["ok"]}, "#/counted_statuses/0"),
        ({"rate_burst": 5}, "#/rate_limit"),
        ({"rate_limit": 0}, "#/rate_limit"),
    ],
)
def test_points_to_what_is_not_valid_in_a_rule(settings, place):
    api = ApiFactory.create()
    version = Api.objects.get(pk=api.pk).version

    rule: Any = {"path_pattern": "/orders", **settings}
    with pytest.raises(InvalidInput) as refusal:
        apis.create_rule(api=api, settings=rule, by=None)

    assert pointers(refusal) == [place]
    assert not RouteRule.objects.exists()
    assert Api.objects.get(pk=api.pk).version == version


def test_a_change_of_a_rule_raises_the_version_of_its_api():
    api = ApiFactory.create()
    versions = [Api.objects.get(pk=api.pk).version]

    rule = apis.create_rule(api=api, settings={"path_pattern": "/orders"}, by=None)
    versions.append(Api.objects.get(pk=api.pk).version)
    apis.update_rule(rule=rule, settings={"cost": 3}, by=None)
    versions.append(Api.objects.get(pk=api.pk).version)
    apis.delete_rule(rule=rule, by=None)
    versions.append(Api.objects.get(pk=api.pk).version)

    assert versions == sorted(set(versions))
    assert not RouteRule.objects.exists()


def test_changes_are_told_with_old_and_new_values():
    api = ApiFactory.create(slug="orders")

    apis.update_api(
        api=api, settings={"default_cost": 3, "enabled": False}, by=None, at=timezone.now()
    )

    entry = AuditLog.objects.filter(event="api.changed").latest("id")
    assert entry.old_values == {"default_cost": 1, "enabled": True}
    assert entry.new_values == {"default_cost": 3, "enabled": False}


def test_a_rate_is_completed_when_it_is_given_later():
    api = ApiFactory.create()
    rule = apis.create_rule(api=api, settings={"path_pattern": "/orders"}, by=None)

    rule = apis.update_rule(rule=rule, settings={"rate_limit": 5}, by=None)
    api = apis.update_api(api=api, settings={"default_rate_limit": 7}, by=None, at=timezone.now())

    rule.refresh_from_db()
    api.refresh_from_db()
    assert (rule.rate_limit, rule.rate_per_seconds, rule.rate_burst) == (5, 1, 5)
    assert (api.default_rate_per_seconds, api.default_rate_burst) == (1, 7)
    entry = AuditLog.objects.filter(event="api.changed").latest("id")
    assert entry.new_values == {
        "default_rate_limit": 7,
        "default_rate_per_seconds": 1,
        "default_rate_burst": 7,
    }


def test_nothing_happens_when_all_is_as_it_was():
    api = ApiFactory.create()
    rule = apis.create_rule(api=api, settings={"path_pattern": "/orders"}, by=None)
    version, entries = Api.objects.get(pk=api.pk).version, AuditLog.objects.count()

    apis.update_api(
        api=api, settings={"name": api.name, "enabled": True}, by=None, at=timezone.now()
    )
    apis.update_rule(rule=rule, settings={"cost": 1}, by=None)

    assert Api.objects.get(pk=api.pk).version == version
    assert AuditLog.objects.count() == entries


def test_forgetting_an_api_forgets_its_rules():
    api = ApiFactory.create(slug="orders")
    apis.create_rule(api=api, settings={"path_pattern": "/orders", "methods": ["GET"]}, by=None)

    apis.delete_api(api=api, by=None)

    assert not Api.objects.exists()
    assert not RouteRule.objects.exists()
    entry = AuditLog.objects.filter(event="api.changed").latest("id")
    assert entry.old_values == {"slug": "orders", "rules": ["GET /orders"]}


def test_customers_cannot_describe_apis(olivia):
    api = ApiFactory.create()
    rule = apis.create_rule(api=api, settings={"path_pattern": "/orders"}, by=None)
    at = timezone.now()

    for act in (
        lambda: apis.create_api(settings={"name": "Mine", "slug": "mine"}, by=olivia, at=at),
        lambda: apis.update_api(api=api, settings={"name": "Mine"}, by=olivia, at=at),
        lambda: apis.delete_api(api=api, by=olivia),
        lambda: apis.create_rule(api=api, settings={"path_pattern": "/x"}, by=olivia),
        lambda: apis.update_rule(rule=rule, settings={"cost": 0}, by=olivia),
        lambda: apis.delete_rule(rule=rule, by=olivia),
    ):
        with pytest.raises(Forbidden):
            act()

    assert [api.name for api in Api.objects.all()] == [api.name]
    assert RouteRule.objects.get().cost == 1


@pytest.mark.parametrize("model", [RouteRule, ApiKey])
@pytest.mark.parametrize("rate", [{"rate_limit": 5}, {"rate_per_seconds": 1, "rate_burst": 5}])
def test_the_database_refuses_half_a_rate(key, model, rate):
    apis.create_rule(api=ApiFactory.create(), settings={"path_pattern": "/orders"}, by=None)

    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.update(**rate)
