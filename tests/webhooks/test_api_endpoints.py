"""Endpoints over REST: the secret in one answer only, faults with pointers, switching, rotating, test events."""

import pytest

from audit.models import AuditLog
from tests.factories.webhooks import WebhookFactory
from webhooks.models import DisabledReason, Webhook, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints, secrets

pytestmark = pytest.mark.django_db
HOOKS = "/api/v1/webhooks"
URL = "http://127.0.0.1:8099/hook"


@pytest.fixture
def mia_asks(api_as, mia):
    return api_as(mia)


@pytest.fixture
def webhook(organization):
    return WebhookFactory.create(organization=organization, headers={"X-Token": "s3cret-value"})


def one(webhook, rest=""):
    return f"{HOOKS}/{webhook.pk}{rest}"


def pointers(response):
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


def test_the_secret_is_in_the_answer_that_creates_it_and_in_no_other(mia_asks, mia):
    body = {"url": URL, "event_types": ["api_key.*"], "headers": {"X-Token": "s3cret-value"}}

    created = mia_asks.post(HOOKS, body)

    secret = created.json()["secret"]
    webhook = Webhook.objects.get()
    assert created.status_code == 201
    assert created.headers["Cache-Control"] == "no-store"
    assert list(secrets.in_force([webhook.pk], at=webhook.created_at).values()) == [[secret]]
    assert (webhook.created_by, webhook.event_types) == (mia, ["api_key.*"])
    for path in (HOOKS, one(webhook)):
        read = mia_asks.get(path).content.decode()
        assert secret not in read
        assert "s3cret-value" not in read
        assert '"header_names":["X-Token"]' in read
    assert "s3cret-value" not in created.content.decode()
    told = " ".join(f"{row.data}{row.new_values}" for row in AuditLog.objects.all()) + " ".join(
        str(message.payload) for message in WebhookMessage.objects.all()
    )
    assert secret not in told
    assert "s3cret-value" not in told


def test_a_public_key_stands_for_the_secret_of_ed25519(mia_asks, api):
    created = mia_asks.post(HOOKS, {"url": URL, "signature": "ed25519"})

    published = api.get("/.well-known/webhooks-jwks.json")
    assert created.json()["secret"].startswith("whpk_")
    assert published.headers["Content-Type"] == "application/jwk-set+json"
    assert published.headers["Cache-Control"] == "public, max-age=300"
    (key,) = published.json()["keys"]
    assert (key["kty"], key["crv"], key["alg"]) == ("OKP", "Ed25519", "EdDSA")
    assert "d" not in key


def test_every_fault_has_its_pointer(mia_asks):
    body = {
        "url": "http://10.0.0.1/",
        "event_types": ["no.such_event"],
        "headers": {"Host": "x"},
        "filters": [{"path": "metadata", "operator": "equals", "value": 1}],
    }

    response = mia_asks.post(HOOKS, body)

    assert response.status_code == 400
    assert pointers(response) == [
        ("#/url", "address_denied"),
        ("#/event_types/0", "event_type"),
        ("#/headers/Host", "header_reserved"),
        ("#/filters/0/path", "path"),
    ]
    assert not Webhook.objects.exists()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": 5}, "#/url"),
        ({"url": URL, "headers": {"X-Token": 5}}, "#/headers/X-Token"),
        ({"url": URL, "event_types": "invoice.paid"}, "#/event_types"),
        ({"url": URL, "filters": [{"path": "data.x", "operator": "like"}]}, "#/filters/0/operator"),
        ({"url": URL, "filters": [{"path": "data.x"}]}, "#/filters/0/operator"),
        ({"url": URL, "concurrency": 11}, "#/concurrency"),
        ({"url": URL, "kind": "pager"}, "#/kind"),
        ({"url": URL, "secret": "whsec_mine"}, "#/secret"),
        ({}, "#/url"),
    ],
)
def test_wrong_shapes_are_refused(mia_asks, body, pointer):
    response = mia_asks.post(HOOKS, body)

    assert (response.status_code, [at for at, _ in pointers(response)]) == (400, [pointer])
    assert not Webhook.objects.exists()


def test_the_plan_ends_what_can_be_created(mia_asks, organization):
    for _ in range(5):
        WebhookFactory.create(organization=organization)

    response = mia_asks.post(HOOKS, {"url": URL})

    assert (response.status_code, response.json()["code"]) == (409, "webhook_limit_reached")
    assert response.json()["limit"] == 5
    assert Webhook.objects.count() == 5


def test_only_what_is_sent_is_changed(mia_asks, webhook):
    response = mia_asks.patch(
        one(webhook),
        {"description": "Books", "filters": [{"path": "data.role", "operator": "exists"}]},
    )

    webhook.refresh_from_db()
    assert response.status_code == 200
    assert (webhook.description, webhook.event_types) == ("Books", ["*"])
    assert webhook.filters == [{"path": "data.role", "operator": "exists"}]
    assert endpoints.headers_of(webhook) == {"X-Token": "s3cret-value"}
    assert response.json()["filters"][0]["path"] == "data.role"


def test_kind_and_signature_never_change(mia_asks, webhook):
    response = mia_asks.patch(one(webhook), {"kind": "slack"})

    assert pointers(response) == [("#/kind", "unknown_member")]


def test_the_list_filters_by_state_and_words(mia_asks, organization):
    books = WebhookFactory.create(organization=organization, description="Books")
    off = WebhookFactory.create(organization=organization)
    endpoints.disable_webhook(webhook=off, at=off.created_at)

    def ids(**query):
        return [row["id"] for row in mia_asks.get(HOOKS, query).json()["data"]]

    assert ids() == [off.pk, books.pk]
    assert ids(status="enabled") == [books.pk]
    assert ids(status="disabled") == [off.pk]
    assert ids(status="failing") == []
    assert ids(q="book") == [books.pk]


def test_rotating_shows_the_new_secret_and_lets_the_old_one_sign_on(mia_asks, webhook):
    response = mia_asks.post(one(webhook, "/rotate-secret"), {"overlap_seconds": 3600})

    new = response.json()["secret"]
    assert response.status_code == 200
    assert response.headers["Cache-Control"] == "no-store"
    assert secrets.in_force([webhook.pk], at=webhook.created_at)[webhook.pk] == [
        new,
        webhook.secret,
    ]


def test_an_overlap_of_more_than_a_week_is_refused(mia_asks, webhook):
    response = mia_asks.post(one(webhook, "/rotate-secret"), {"overlap_seconds": 604_801})

    assert [at for at, _ in pointers(response)] == ["#/overlap_seconds"]
    assert webhook.secrets.count() == 1


def test_switching_off_and_on(mia_asks, webhook):
    off = mia_asks.post(one(webhook, "/disable"))
    on = mia_asks.post(one(webhook, "/enable"))

    assert (off.json()["status"], off.json()["disabled_reason"]) == ("disabled", "customer")
    assert (on.json()["status"], on.json()["disabled_reason"]) == ("enabled", None)


def test_what_staff_switched_off_stays_off(mia_asks, webhook):
    endpoints.disable_webhook(webhook=webhook, at=webhook.created_at, reason=DisabledReason.STAFF)

    response = mia_asks.post(one(webhook, "/enable"))

    assert (response.status_code, response.json()["code"]) == (409, "webhook_disabled_by_staff")
    webhook.refresh_from_db()
    assert webhook.disabled_reason == "staff"


def test_a_test_event_is_a_delivery(mia_asks, webhook):
    response = mia_asks.post(one(webhook, "/test"), {"event_type": "api_key.revoked"})

    delivery = WebhookDelivery.objects.get()
    assert response.status_code == 202
    assert response.json()["id"] == delivery.pk
    assert (response.json()["event_type"], response.json()["is_test"]) == ("api_key.revoked", True)
    assert (delivery.status, delivery.trigger) == ("PENDING", "test")


def test_a_test_of_an_unknown_event_sends_nothing(mia_asks, webhook):
    response = mia_asks.post(one(webhook, "/test"), {"event_type": "no.such_event"})

    assert pointers(response) == [("#/event_type", "event_type")]
    assert not WebhookDelivery.objects.exists()


def test_deleting_takes_it_away(mia_asks, webhook):
    assert mia_asks.delete(one(webhook)).status_code == 204
    assert mia_asks.get(one(webhook)).status_code == 404
    assert not Webhook.objects.exists()


def test_the_catalogue_lists_every_public_event(mia_asks):
    rows = mia_asks.get(f"{HOOKS}/event-types").json()["data"]

    by_name = {row["name"]: row for row in rows}
    assert {"api_key.created", "webhook.disabled", "organization.updated"} <= set(by_name)
    assert "webhook.tested" not in by_name
    created = by_name["api_key.created"]
    assert created["json_schema"]["properties"]["type"] == {"const": "api_key.created"}
    assert created["example"]["type"] == "api_key.created"
    assert created["description"]
