"""The pages of webhooks: the list, one endpoint, its forms, conformance, and the catalogue."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from organizations import access
from organizations.roles import Permission
from organizations.services import custom_roles, grants, members, organizations
from tests.factories.webhooks import WebhookFactory
from tests.webhooks.browsing import LIST, URL, attempt, page
from webhooks.models import (
    ConformanceRun,
    DisabledReason,
    Outcome,
    Webhook,
    WebhookDelivery,
    WebhookMessage,
)
from webhooks.services import conformance, endpoints, fan_out, secrets

pytestmark = pytest.mark.django_db


def filled(**changes):
    return {"url": URL, "event_types": ["*"], "concurrency": 5, "kind": "standard",
            "signature": "symmetric", **changes}  # fmt: skip


PAGES = [
    "",
    "edit/",
    "rotate/",
    "delete/",
    "verify/",
    "send-again/",
    "why/",
    "conformance/",
]
READABLE = {"", "verify/", "why/", "conformance/"}


@pytest.mark.parametrize("rest", PAGES)
def test_every_page_is_for_members_of_the_organization_only(
    mia_browses, vera_browses, portal_as, stan, portal, webhook, rest
):
    assert mia_browses.get(page(webhook, rest)).status_code == 200
    assert vera_browses.get(page(webhook, rest)).status_code == (200 if rest in READABLE else 403)
    assert portal_as(stan).get(page(webhook, rest)).status_code == 404
    assert portal.get(page(webhook, rest)).status_code == 302


@pytest.mark.parametrize(
    ("rest", "data"),
    [
        ("switch/", {"to": "disabled"}),
        ("test/", {"event_type": "webhook.created"}),
        ("conformance/start/", {}),
        ("rotate/", {"overlap_seconds": 0}),
        ("delete/", {}),
        ("send-again/", {"what": "recover", "since": "2026-01-01T00:00"}),
    ],
)
def test_who_only_reads_changes_nothing(vera_browses, portal_as, stan, webhook, rest, data):
    assert vera_browses.post(page(webhook, rest), data).status_code == 403
    assert portal_as(stan).post(page(webhook, rest), data).status_code == 404

    webhook.refresh_from_db()
    assert webhook.is_enabled
    assert webhook.secrets.count() == 1
    assert not WebhookDelivery.objects.exists()
    assert not ConformanceRun.objects.exists()


def test_an_empty_list_says_what_to_do_next(mia_browses, vera_browses):
    assert b"No webhooks yet" in mia_browses.get(LIST).content
    assert b"Add webhook" not in vera_browses.get(LIST).content


def test_the_list_shows_the_last_day_of_each_and_costs_no_query_per_row(
    mia_browses, organization, webhook, delivery, count_queries
):
    attempt(delivery)
    attempt(delivery, Outcome.SUCCEEDED, number=2, status_code=204)
    few = count_queries(mia_browses, LIST)
    for _ in range(4):
        WebhookFactory.create(organization=organization)

    answer = mia_browses.get(LIST)
    assert count_queries(mia_browses, LIST) == few
    assert "2 attempts in 24 hours, 1 failed" in answer.content.decode()
    assert [
        row.description for row in mia_browses.get(LIST, {"q": "book"}).context["webhooks"]
    ] == ["Books"]
    assert mia_browses.get(LIST, {"status": "failing"}).context["webhooks"] == []
    assert b"No webhook matches" in mia_browses.get(LIST, {"q": "nothing"}).content


def test_creating_shows_the_secret_once(mia_browses, organization):
    answer = mia_browses.post(
        f"{LIST}create/",
        filled(
            event_types=["api_key.*", "api_key.created", "organization.updated"],
            headers="X-Token: abc\nX-Other: a: b",
            filters='data.role equals "ADMIN"\ndata.count above 5\ndata.plan exists',
        ),
    )

    webhook = Webhook.objects.get()
    (secret,) = secrets.in_force([webhook.pk], at=timezone.now())[webhook.pk]
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert secret in answer.content.decode()
    # A type that its area covers is not kept beside it.
    assert webhook.event_types == ["api_key.*", "organization.updated"]
    assert endpoints.headers_of(webhook) == {"X-Token": "abc", "X-Other": "a: b"}
    assert webhook.filters == [
        {"path": "data.role", "operator": "equals", "value": "ADMIN"},
        {"path": "data.count", "operator": "above", "value": 5},
        {"path": "data.plan", "operator": "exists"},
    ]
    for rest in PAGES:
        read = mia_browses.get(page(webhook, rest)).content.decode()
        assert secret not in read, rest
        assert "abc" not in re.sub(r"<[^>]*csrf[^>]*>", "", read) or rest == "verify/", rest


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://10.0.0.1/"}, "url"),
        ({"url": ""}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["no.such_event"]}, "event_types"),
        ({"headers": "no colon"}, "headers"),
        ({"headers": "Host: x"}, "headers"),
        ({"headers": "A: 1\nA: 2"}, "headers"),
        ({"filters": "data.x"}, "filters"),
        ({"filters": "data.x like 5"}, "filters"),
        ({"ordering_path": "metadata"}, "ordering_path"),
        ({"concurrency": 11}, "concurrency"),
        ({"kind": "pager"}, "kind"),
    ],
)
def test_faults_are_shown_at_their_fields(mia_browses, changes, field):
    answer = mia_browses.post(f"{LIST}create/", filled(**changes))

    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("changes", "is_open"), [({"concurrency": 50}, True), ({"url": ""}, False)]
)
def test_a_fault_that_is_folded_away_is_unfolded(mia_browses, changes, is_open):
    html = mia_browses.post(f"{LIST}create/", filled(**changes)).content.decode()

    assert ('<details class="more" open>' in html) is is_open


def test_the_plans_limit_is_shown_above_the_form(mia_browses, organization):
    for _ in range(5):
        WebhookFactory.create(organization=organization)

    answer = mia_browses.post(f"{LIST}create/", filled())

    (said,) = answer.context["form"].non_field_errors()
    assert said.startswith("The plan's limit of webhooks, 5, is reached. Delete a webhook")


def test_editing_keeps_the_values_of_headers_that_stay(mia_browses, webhook):
    shown = mia_browses.get(page(webhook, "edit/")).content.decode()
    answer = mia_browses.post(
        page(webhook, "edit/"),
        {
            "url": webhook.url,
            "event_types": ["api_key.created"],
            "concurrency": 5,
            "headers": "X-Token: •••\nX-New: new",
        },
    )

    webhook.refresh_from_db()
    assert "X-Token: •••" in shown
    assert "s3cret-value" not in shown
    assert answer.status_code == 302
    assert webhook.description == ""
    assert webhook.event_types == ["api_key.created"]
    assert endpoints.headers_of(webhook) == {"X-New": "new", "X-Token": "s3cret-value"}


def test_the_picker_knows_what_is_chosen(mia_browses, webhook):
    endpoints.update_webhook(
        webhook=webhook, settings={"event_types": ["api_key.*", "webhook.enabled"]}
    )

    form = mia_browses.get(page(webhook, "edit/")).context["form"]

    areas = {area["name"]: area for area in form.areas()}
    assert not form.wants_all()
    assert (areas["api_key"]["is_whole"], areas["api_key"]["is_open"]) == (True, True)
    assert (areas["webhook"]["is_whole"], areas["webhook"]["is_open"]) == (False, True)
    chosen = [row["type"].name for row in areas["webhook"]["types"] if row["is_chosen"]]
    assert chosen == ["webhook.enabled"]
    assert areas["organization"]["is_open"] is False


def test_rotating_shows_the_new_secret_once(mia_browses, webhook):
    answer = mia_browses.post(page(webhook, "rotate/"), {"overlap_seconds": 3600})

    new, old = secrets.in_force([webhook.pk], at=timezone.now())[webhook.pk]
    assert answer["Cache-Control"] == "no-store"
    assert new in answer.content.decode()
    assert old == webhook.secret
    assert old not in answer.content.decode()


def test_switching_off_and_on(mia_browses, webhook):
    mia_browses.post(page(webhook, "switch/"), {"to": "disabled"})
    off = mia_browses.get(page(webhook)).content.decode()
    mia_browses.post(page(webhook, "switch/"), {"to": "enabled"})

    webhook.refresh_from_db()
    assert "This webhook is told nothing" in off
    assert "Send test event" not in off
    assert webhook.is_enabled


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (DisabledReason.STAFF, "Switched off by staff"),
        (DisabledReason.GONE, "410 Gone"),
        (DisabledReason.FAILING, "failed for five days"),
    ],
)
def test_why_it_is_disabled_is_said(mia_browses, webhook, reason, said):
    endpoints.disable_webhook(webhook=webhook, at=timezone.now(), reason=reason)

    text = mia_browses.get(page(webhook)).content.decode()
    mia_browses.post(page(webhook, "switch/"), {"to": "enabled"})

    webhook.refresh_from_db()
    assert said in text
    assert webhook.is_enabled == (reason != DisabledReason.STAFF)


def test_a_failing_endpoint_says_since_when_and_for_how_long_it_is_left_alone(mia_browses, webhook):
    now = timezone.now()
    Webhook.objects.filter(pk=webhook.pk).update(
        failing_since=now - timedelta(hours=3),
        failures_in_a_row=7,
        circuit_open_until=now + timedelta(minutes=6),
    )

    text = mia_browses.get(page(webhook)).content.decode()

    assert "3 hours ago" in text
    assert "Failed attempts in a row: 7" in text
    assert "left alone for a while" in text


def test_deleting_asks_first(mia_browses, webhook):
    assert b"This cannot be undone" in mia_browses.get(page(webhook, "delete/")).content
    assert Webhook.objects.exists()

    mia_browses.post(page(webhook, "delete/"))

    assert not Webhook.objects.exists()


def test_a_conformance_run_is_watched_and_explained(
    mia_browses, endpoint, receiver, portal_as, stan
):
    webhook = endpoint()
    path = page(webhook, "conformance/")

    before = mia_browses.get(path).content.decode()
    mia_browses.post(page(webhook, "conformance/start/"))
    waiting = mia_browses.get(path).content.decode()
    conformance.run_due()
    done = mia_browses.get(path).content.decode()
    run = ConformanceRun.objects.get()

    assert "What is sent" in before
    assert "Waiting for a worker" in waiting
    assert "every 2s" in waiting
    assert "Grade D" in done
    assert "A body that was changed on its way" in done
    assert "every 1s" not in done
    assert mia_browses.get(f"{path}{run.pk}/").status_code == 200
    assert portal_as(stan).get(f"{path}{run.pk}/").status_code == 404


def test_a_second_run_is_refused_with_words(mia_browses, webhook):
    mia_browses.post(page(webhook, "conformance/start/"))

    answer = mia_browses.post(page(webhook, "conformance/start/"), follow=True)

    assert b"is under way" in answer.content
    assert ConformanceRun.objects.count() == 1


def test_the_catalogue_shows_every_event_to_everybody(portal):
    listed = portal.get("/docs/events/").content.decode()
    one = portal.get("/docs/events/api_key.rotated").content.decode()

    assert 'href="/docs/events/api_key.rotated"' in listed
    assert "&quot;type&quot;: &quot;api_key.rotated&quot;" in one
    assert "JSON Schema" in one
    assert portal.get("/docs/events/no.such_event").status_code == 404
    assert portal.get("/docs/events/webhook.tested").status_code == 404


def test_who_was_given_one_webhook_may_change_that_one(
    vera_browses, api_as, vera, adam, organization, webhook
):
    other = WebhookFactory.create(organization=organization)
    tenant = access.tenant_of(adam, organization.pk)
    grants.give(
        tenant=tenant, user_id=vera.pk, permission=Permission.WEBHOOKS_WRITE, kind="webhook",
        object_id=webhook.pk,
    )  # fmt: skip

    assert vera_browses.get(page(webhook, "edit/")).status_code == 200
    assert b"Send test event" in vera_browses.get(page(webhook)).content
    assert vera_browses.get(page(other, "edit/")).status_code == 403
    assert vera_browses.get(f"{LIST}create/").status_code == 403
    asked = api_as(vera)
    changed = asked.patch(f"/api/v1/webhooks/{webhook.pk}", {"description": "Given"})
    refused = asked.patch(f"/api/v1/webhooks/{other.pk}", {"description": "Given"})
    assert (changed.status_code, refused.status_code) == (200, 403)
    other.refresh_from_db()
    assert other.description == ""


def test_who_was_given_one_webhook_learns_of_no_event_that_does_not_concern_it(
    mia_browses, api_as, mia, adam, organization, webhook
):
    endpoints.update_webhook(webhook=webhook, settings={"event_types": ["webhook.*"]})
    organizations.update_organization(organization=organization, changes={"name": "Acme"})
    fan_out.fan_out(at=timezone.now())
    concerns, other = (
        WebhookMessage.objects.filter(event_type=event_type).latest("id").message_id
        for event_type in ("webhook.updated", "organization.updated")
    )
    tenant = access.tenant_of(adam, organization.pk)
    role = custom_roles.create_role(tenant=tenant, name="Narrow", permissions=["usage:read"])
    members.change_role(tenant=tenant, user_id=mia.pk, custom_role_id=role.pk)
    grants.give(
        tenant=tenant, user_id=mia.pk, permission="webhooks:read", kind="webhook",
        object_id=webhook.pk,
    )  # fmt: skip

    shown = mia_browses.get(page(webhook, "why/"), {"message": other}).content.decode()
    asked, path = api_as(mia), f"/api/v1/webhooks/{webhook.pk}/why"

    assert "No such event" in shown
    assert "organization.updated" not in shown
    assert concerns in shown
    assert asked.get(path, {"message": other}).status_code == 404
    assert asked.get(path, {"message": concerns}).json()["event_type"] == "webhook.updated"
    assert asked.get(path).json()["event_type"] == "webhook.updated"
