"""What concerns security is noted beside the log, with how soon a person should look; what repeats is counted."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from accounts.throttles import RATES
from analytics.services import ingest
from apikeys.services import keys
from audit import selectors, tasks, vocabulary
from audit.models import AuditLog, SecurityEvent, Severity
from audit.services import security
from config.common import context, sightings
from config.common.events import catalogue
from config.common.ratelimit import Rate
from organizations.services import suspension
from organizations.signals import PermissionDenied
from tests import race
from tests.analytics.pen import event as usage_event
from tests.analytics.pen import write
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.audit import SecurityEventFactory
from tests.patience import within_one

pytestmark = pytest.mark.django_db


def test_the_vocabulary_is_what_events_are_called_by():
    used = {event.security_name for event in catalogue() if event.security_name}

    assert used == set(vocabulary.TERMS)
    assert vocabulary.SHARED <= vocabulary.PERSONAL


def test_what_is_counted_concerns_security():
    assert [
        event.name for event in catalogue() if event.is_counted and not event.security_name
    ] == []


def test_a_name_that_is_not_in_the_vocabulary_is_a_warning():
    assert vocabulary.severity_of("sys_crash") == "WARNING"
    assert (vocabulary.title_of("sys_crash"), vocabulary.meaning_of("sys_crash")) == (
        "sys_crash",
        "",
    )


def test_a_refused_permission_is_noted(api_as, organization, vera):
    api_as(vera).patch(
        f"/api/v1/organizations/{organization.pk}", {"name": "x"}, HTTP_X_REQUEST_ID="request-0001"
    )

    event = SecurityEvent.objects.get(name="authz_fail")
    assert (event.severity, event.organization_id, event.user_id) == (
        "WARNING",
        organization.pk,
        vera.pk,
    )
    assert (event.ip, event.request_id) == ("127.0.0.1", "request-0001")
    assert event.data["permission"] == "organization:write"
    assert AuditLog.objects.filter(event="security.permission_denied").count() == 1


def test_hammering_at_a_closed_door_does_not_fill_the_log(api_as, organization, vera):
    client = api_as(vera)

    statuses = {
        client.patch(f"/api/v1/organizations/{organization.pk}", {"name": "x"}).status_code
        for _ in range(25)
    }

    assert statuses == {403}
    counts = list(SecurityEvent.objects.filter(name="authz_fail").values_list("count", flat=True))
    assert len(counts) <= 2  # the minute may have turned meanwhile
    assert sightings.PACE.burst <= sum(counts) <= 25
    assert AuditLog.objects.filter(event="security.permission_denied").count() == len(counts)


def _refuse(organization, user, ip="203.0.113.7"):
    with context.use(context.Context(ip=ip)):
        sightings.tell(
            PermissionDenied(
                organization_id=organization.pk, user_id=user.pk, permission="keys:write"
            ),
            bucket="a bucket of this test",
        )


def test_one_minute_of_one_actor_is_one_row(organization, vera, mia, clock):
    for person in (vera, vera, vera, mia):
        _refuse(organization, person)
    clock.shift(60)
    _refuse(organization, vera)
    _refuse(organization, vera, ip="203.0.113.8")

    rows = SecurityEvent.objects.order_by("pk").values_list("user_id", "ip", "count")
    assert list(rows) == [
        (vera.pk, "203.0.113.7", 3),
        (mia.pk, "203.0.113.7", 1),
        (vera.pk, "203.0.113.7", 1),
        (vera.pk, "203.0.113.8", 1),
    ]
    assert AuditLog.objects.filter(event="security.permission_denied").count() == 4


def test_a_row_says_when_it_was_seen_first_and_last(organization, vera, clock):
    first = timezone.now()
    _refuse(organization, vera)
    clock.shift(45)
    _refuse(organization, vera)

    event = SecurityEvent.objects.get()
    assert (event.created_at, event.last_seen_at) == (first, first + timedelta(seconds=45))


@pytest.mark.django_db(transaction=True)
def test_simultaneous_refusals_are_all_counted(organization, vera):
    at = timezone.now()
    event = PermissionDenied(
        organization_id=organization.pk, user_id=vera.pk, permission="keys:write"
    )

    def count(_):
        with transaction.atomic():
            return security.count(event, at=at)

    outcomes = race.together(8, count)

    assert sorted(outcomes) == [False] * 7 + [True]
    assert SecurityEvent.objects.get().count == 8


def test_a_refusal_stays_one_though_it_cannot_be_noted(api_as, organization, vera, monkeypatch):
    def away(_):
        raise DatabaseError("the database is away")

    monkeypatch.setattr(sightings, "publish", away)

    response = api_as(vera).patch(f"/api/v1/organizations/{organization.pk}", {"name": "x"})

    assert response.status_code == 403
    assert not SecurityEvent.objects.exists()


def test_haste_at_a_door_of_sign_in_is_noted_once_a_minute(api, clock, monkeypatch):
    monkeypatch.setitem(RATES, "login", Rate(limit=1, per_seconds=60, burst=1))
    body = {"email": "nobody@example.com", "password": "not the password"}

    statuses = [api.post("/api/v1/auth/login", body).status_code for _ in range(4)]

    assert statuses == [401, 429, 429, 429]
    event = SecurityEvent.objects.get(name="excess_rate_limit_exceeded")
    assert (event.count, event.data["door"], event.ip) == (3, "login", "127.0.0.1")
    assert (event.user_id, event.organization_id) == (None, None)


def test_haste_at_a_form_is_noted(portal, clock, monkeypatch):
    monkeypatch.setitem(RATES, "resend", Rate(limit=1, per_seconds=60, burst=1))

    for _ in range(3):
        portal.post("/verify-email-resend/", {"email": "nobody@example.com"})

    event = SecurityEvent.objects.get(name="excess_rate_limit_exceeded")
    assert (event.count, event.data["door"]) == (2, "resend")


@pytest.mark.parametrize("path", ["/admin/", "/metrics"])
def test_an_address_that_is_kept_out_is_noted(settings, path):
    settings.OPERATOR_ALLOWLIST = ["10.0.0.0/8"]

    assert Client().get(path).status_code == 404

    event = SecurityEvent.objects.get()
    assert (event.name, event.ip) == ("authz_fail", "127.0.0.1")
    assert event.data["door"] == path.strip("/")


def test_a_key_from_an_address_that_it_does_not_allow_is_noted(api, organization, olivia):
    within_one("minute", seconds=10)
    key, secret = keys.create_key(
        organization=organization,
        created_by=olivia,
        settings={
            "name": "Fenced",
            "environment": "live",
            "scopes": ["tollgate:keys:read"],
            "ip_allowlist": ["203.0.113.9"],
        },
        at=timezone.now(),
    )

    statuses = [
        api.get("/api/v1/api-keys", HTTP_AUTHORIZATION=f"Bearer {secret}").status_code
        for _ in range(2)
    ]

    assert statuses == [403, 403]
    event = SecurityEvent.objects.get(name="authz_fail")
    assert (event.organization_id, event.data["api_key_id"], event.count) == (
        organization.pk,
        key.pk,
        2,
    )
    assert (event.ip, event.user_id) == ("127.0.0.1", None)


def test_a_call_through_the_gate_from_such_an_address_is_noted(organization):
    key = ApiKeyFactory.create(organization=organization)
    refused = {"outcome": "FORBIDDEN_IP", "address": "198.51.100.7"}
    write(usage_event(key), *(usage_event(key, **refused) for _ in range(3)))

    ingest.drain()

    event = SecurityEvent.objects.get()
    assert (event.name, event.organization_id) == ("authz_fail", organization.pk)
    assert (event.ip, event.data["api_key_id"]) == ("198.51.100.7", key.pk)
    entry = AuditLog.objects.get(event="api_key.address_refused")
    assert (entry.actor_type, entry.actor_id) == ("api_key", key.pk)


def test_trying_on_while_sign_in_is_paused_is_noted(api, olivia, clock):
    body = {"email": olivia.email, "password": "not the password"}

    statuses = [api.post("/api/v1/auth/login", body).status_code for _ in range(8)]

    assert statuses == [401] * 5 + [429] * 3
    event = SecurityEvent.objects.get(name="authn_login_fail_max")
    assert (event.severity, event.user_id, event.count) == ("WARNING", olivia.pk, 3)


def test_acts_of_staff_are_noted_for_the_organization(organization):
    suspension.suspend(organization=organization, reason="unpaid")
    suspension.reinstate(organization=organization)

    names = SecurityEvent.objects.order_by("pk").values_list("name", "organization_id")
    assert list(names) == [("authz_admin", organization.pk)] * 2


def test_a_wrong_password_is_noted(api, organization, olivia):
    api.post("/api/v1/auth/login", {"email": olivia.email, "password": "not the password"})

    event = SecurityEvent.objects.get(name="authn_login_fail")
    assert (event.severity, event.user_id) == ("INFO", olivia.pk)
    assert "not the password" not in str(event.data)


def test_the_first_one_to_acknowledge_stays_on_record(api_as, organization, vera, sam):
    api_as(vera).patch(f"/api/v1/organizations/{organization.pk}", {"name": "x"})
    event = SecurityEvent.objects.get(name="authz_fail")
    first = timezone.now()

    security.acknowledge(security_event=event, by=sam, at=first)
    security.acknowledge(security_event=event, by=UserFactory.create(), at=timezone.now())

    event.refresh_from_db()
    assert (event.acknowledged_by_id, event.acknowledged_at) == (sam.pk, first)
    entry = AuditLog.objects.get(event="security_event.acknowledged")
    assert (entry.chain, entry.target_id) == (organization.pk, event.pk)
    assert str(event) == "WARNING authz_fail"


def test_a_note_needs_somebody_who_looked(organization):
    with pytest.raises(DatabaseError, match="acknowledged_by_someone"), transaction.atomic():
        SecurityEventFactory.create(acknowledged_note="Nothing to worry about")


def test_old_ones_are_deleted_the_graver_ones_later(clock):
    ages = {}
    for severity in Severity.values:
        for days in (89, 91, 399, 401):
            event = SecurityEventFactory.create(severity=severity)
            SecurityEvent.objects.filter(pk=event.pk).update(
                created_at=timezone.now() - timedelta(days=days)
            )
            ages[event.pk] = (severity, days)

    tasks.purge_security_events()

    kept = sorted(ages[pk] for pk in SecurityEvent.objects.values_list("pk", flat=True))
    assert kept == [
        ("CRITICAL", 89),
        ("CRITICAL", 91),
        ("CRITICAL", 399),
        ("INFO", 89),
        ("WARNING", 89),
        ("WARNING", 91),
        ("WARNING", 399),
    ]


def test_the_last_hour_is_summed_by_name(clock):
    SecurityEventFactory.create(name="authz_fail", count=3)
    SecurityEventFactory.create(name="authz_fail", count=2)
    SecurityEventFactory.create(name="authn_token_reuse", severity="CRITICAL")
    old = SecurityEventFactory.create(name="authz_fail")
    SecurityEvent.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(hours=2))

    assert selectors.security_events_by_name(at=timezone.now()) == [
        ("authn_token_reuse", "CRITICAL", 1),
        ("authz_fail", "WARNING", 5),
    ]
