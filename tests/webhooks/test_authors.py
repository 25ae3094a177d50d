"""Who asks for something that lasts is looked at once more, under a lock, whichever door they come by."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from organizations import access
from organizations.services import grants
from tests.webhooks.browsing import page
from webhooks.forms import PeriodForm
from webhooks.services import endpoints, fan_out
from webhooks.services.endpoint_checks import EndpointChanges

pytestmark = pytest.mark.django_db
HOOKS = "/api/v1/webhooks"
YESTERDAY = (timezone.now() - timedelta(days=1)).isoformat()

OVER_THE_API = {
    "resend": ("/{webhook}/deliveries/{delivery}/resend", None, 202),
    "recover": ("/{webhook}/recover", {"since": YESTERDAY}, 202),
    "replay": ("/{webhook}/replay-missing", {"since": YESTERDAY}, 202),
    "test": ("/{webhook}/test", {"event_type": "webhook.created"}, 202),
    "conformance": ("/{webhook}/conformance", None, 202),
    "acknowledge": ("/messages/acknowledge", {"position": 0}, 200),
}
ON_PAGES = {
    "resend": ("deliveries/{delivery}/resend/", {}),
    "recover": ("send-again/", {"since": YESTERDAY[:16], "what": PeriodForm.RECOVER}),
    "replay": ("send-again/", {"since": YESTERDAY[:16], "what": PeriodForm.REPLAY}),
    "test": ("test/", {"event_type": "webhook.created"}),
    "conformance": ("conformance/start/", {}),
}


def tables_locked_first(seen):
    """Return the first tables of which a row was locked, in their order."""
    locks = [query["sql"] for query in seen if "FOR NO KEY UPDATE" in query["sql"]]
    return [sql.partition(' FROM "')[2].partition('"')[0] for sql in locks][:3]


AUTHOR_FIRST = ["accounts_user", "accounts_session", "organizations_organization"]


@pytest.mark.parametrize("what", OVER_THE_API)
def test_the_api_holds_its_author(api_as, mia, webhook, delivery, what):
    path, body, status = OVER_THE_API[what]
    client = api_as(mia)
    fan_out.fan_out(at=timezone.now())

    with CaptureQueriesContext(connection) as seen:
        answer = client.post(HOOKS + path.format(webhook=webhook.pk, delivery=delivery.pk), body)

    assert answer.status_code == status
    assert tables_locked_first(seen) == AUTHOR_FIRST


@pytest.mark.parametrize("what", ON_PAGES)
def test_a_page_holds_its_author(mia_browses, webhook, delivery, what):
    path, form = ON_PAGES[what]

    with CaptureQueriesContext(connection) as seen:
        answer = mia_browses.post(page(webhook, path.format(delivery=delivery.pk)), form)

    assert answer.status_code == 302
    assert tables_locked_first(seen) == AUTHOR_FIRST


FILTER = {"path": "data.role", "operator": "equals", "value": "OWNER"}
OTHER_FILTER = {"path": "data.user_id", "operator": "exists"}
SUBSCRIBED: EndpointChanges = {"event_types": ["member.*", "webhook.created"], "filters": [FILTER]}


@pytest.fixture
def given(organization, adam, vera, webhook):
    """A webhook with few events that somebody who only reads was given."""
    endpoints.update_webhook(webhook=webhook, settings=SUBSCRIBED)
    grants.give(
        tenant=access.tenant_of(adam, organization.pk), user_id=vera.pk,
        permission="webhooks:write", kind="webhook", object_id=webhook.pk,
    )  # fmt: skip
    return webhook


def subscribed(webhook):
    webhook.refresh_from_db()
    return {name: getattr(webhook, name) for name in SUBSCRIBED}


@pytest.mark.parametrize(
    ("wider", "pointers"),
    [
        ({"event_types": ["*"]}, ["#/event_types/0"]),
        ({"event_types": []}, ["#/event_types/0"]),
        ({"event_types": ["member.*", "webhook.*", "api_key.*"]}, ["#/event_types/1", "#/event_types/2"]),
        ({"filters": []}, ["#/filters"]),
        ({"filters": [OTHER_FILTER]}, ["#/filters"]),
        ({"event_types": ["*"], "filters": []}, ["#/event_types/0", "#/filters"]),
    ],
    ids=["all", "none_means_all", "areas", "no_filter", "another_filter", "both"],
)  # fmt: skip
def test_who_was_given_one_webhook_has_it_told_of_no_more(
    api_as, adam, vera, given, wider, pointers
):
    path = f"{HOOKS}/{given.pk}"

    refused = api_as(vera).patch(path, {"description": "Wider", **wider})

    assert (refused.status_code, refused.json()["permission"]) == (403, "webhooks:write")
    assert [one["pointer"] for one in refused.json()["errors"]] == pointers
    assert (subscribed(given), given.description) == (SUBSCRIBED, "Books")
    assert api_as(adam).patch(path, wider).status_code == 200


@pytest.mark.parametrize(
    "narrower",
    [
        {"event_types": ["member.added", "webhook.created"]},
        {"filters": [FILTER, OTHER_FILTER]},
        {"event_types": ["member.*"], "filters": [OTHER_FILTER, FILTER]},
        SUBSCRIBED,
    ],
    ids=["types", "filters", "both", "the_same"],
)
def test_who_was_given_one_webhook_may_have_it_told_of_less(api_as, vera, given, narrower):
    assert api_as(vera).patch(f"{HOOKS}/{given.pk}", narrower).status_code == 200

    assert subscribed(given) == {**SUBSCRIBED, **narrower}


def test_the_page_says_why_a_subscription_is_not_widened(vera_browses, given):
    form = {"url": given.url, "description": "Wider", "event_types": ["*"], "concurrency": "1"}

    answer = vera_browses.post(page(given, "edit/"), form)

    assert answer.status_code == 200
    assert "The webhook is not told of * now." in answer.content.decode()
    assert (subscribed(given), given.description) == (SUBSCRIBED, "Books")
