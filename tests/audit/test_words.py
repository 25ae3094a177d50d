"""Entries in words: names stand for the ids that are known, and nothing that somebody chose to be called is taken for one."""

import pytest

from audit import selectors
from audit.models import AuditLog
from tests.factories.webhooks import WebhookFactory

pytestmark = pytest.mark.django_db


def told(event, summary, **data):
    """Return the sentence of an entry as a page would tell it."""
    entry = AuditLog(event=event, summary=summary, data=data)
    return selectors.sentence_of(entry, selectors.names_in([entry]))


def test_people_and_their_roles_are_named(vera):
    summary = f"user {vera.pk} added as VIEWER"

    assert told("member.added", summary, user_id=vera.pk, role="VIEWER") == (
        "vera@example.com added as Viewer"
    )


def test_both_sides_of_a_handover_are_named(olivia, adam):
    summary = f"ownership handed from user {olivia.pk} to user {adam.pk}"
    data = {"from_user_id": olivia.pk, "to_user_id": adam.pk}

    assert told("organization.ownership_transferred", summary, **data) == (
        "Ownership handed from olivia@example.com to adam@example.com"
    )


def test_an_endpoint_is_named_by_its_purpose(organization):
    webhook = WebhookFactory.create(organization=organization, description="Order system")
    summary = f"webhook {webhook.pk} disabled: gone"

    assert told("webhook.disabled", summary, webhook_id=webhook.pk, reason="gone") == (
        "Webhook Order system disabled: gone"
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "the old secret stopped at once"),
        (1, "the old secret works for 1 more second"),
        (90, "the old secret works for 90 more seconds"),
        (120, "the old secret works for 2 more minutes"),
        (3_600, "the old secret works for 1 more hour"),
        (86_400, "the old secret works for 1 more day"),
        (2_592_000, "the old secret works for 30 more days"),
    ],
)
def test_how_long_an_old_secret_works_is_said_in_words(seconds, words):
    summary = f"API key Shop rotated, overlap {seconds} s"
    data = {"api_key_id": 987654321, "key_name": "Shop", "overlap_seconds": seconds}

    assert told("api_key.rotated", summary, **data) == f"API key Shop rotated, {words}"


def test_who_is_gone_keeps_the_id():
    assert told("user.reinstated", "user 987654321 reinstated", user_id=987654321) == (
        "User 987654321 reinstated"
    )


def test_a_name_that_looks_like_an_id_stays_what_it_is(vera):
    summary = f"organization user {vera.pk} created"

    assert told("organization.created", summary, name_given=f"user {vera.pk}") == (
        f"Organization user {vera.pk} created"
    )


@pytest.mark.parametrize("event", ["member.added", "gone.with_an_old_release"])
def test_words_of_an_older_release_stay_as_written(event, vera):
    assert told(event, "somebody came", user_id=vera.pk) == "somebody came"


@pytest.mark.parametrize(
    ("actor", "label", "words"),
    [
        ("user", "mia@example.com", "mia@example.com"),
        ("user", "", "A person"),
        ("staff", "sam@example.com", "Tollgate staff"),
        ("api_key", "Production", "API key Production"),
        ("command", "change_plan", "Operator's command change_plan"),
        ("job", "webhooks.deliver", "Background job"),
        ("anonymous", "", "Not signed in"),
    ],
)
def test_who_acted_is_said_in_words(actor, label, words):
    assert selectors.actor_of(AuditLog(actor_type=actor, actor_label=label)) == words


@pytest.mark.parametrize(
    ("kind", "pk", "words"),
    [("user", 0, "user"), ("service_key", 5, "service key 5"), ("", None, "")],
)
def test_what_it_concerns_is_said_in_words(kind, pk, words):
    entry = AuditLog(target_type=kind, target_id=pk)

    assert selectors.target_of(entry, selectors.names_in([entry])) == words
