"""The portal's pages of security events: an organization's for those who may read its log, and everybody's own."""

import pytest
from django.urls import reverse
from django.utils import timezone

from audit.models import AuditLog
from tests.factories.audit import SecurityEventFactory

pytestmark = pytest.mark.django_db
LIST = "/security-events/"
MINE = "/security/events/"


@pytest.fixture
def event(organization, mia):
    return SecurityEventFactory.create(
        organization_id=organization.pk,
        user_id=mia.pk,
        count=3,
        data={"permission": "members:write"},
    )


@pytest.fixture
def page(portal_as, olivia):
    return portal_as(olivia)


def _text(response):
    assert response.status_code == 200
    return response.content.decode()


def _acknowledge(event):
    return reverse("audit:event-acknowledge", args=[event.pk])


def test_an_event_is_listed_with_who_where_and_how_often(page, event):
    text = _text(page.get(LIST))

    for part in ("Permission denied", "3 times", "mia@example.com", "203.0.113.7", "Warning"):
        assert part in text
    assert _acknowledge(event) in text


def test_an_attack_on_a_member_is_listed_without_its_address(page, organization, mia):
    attack = SecurityEventFactory.create(name="authn_token_reuse", user_id=mia.pk)

    text = _text(page.get(LIST))

    assert "Old token used again" in text
    assert "mia@example.com" in text
    assert "203.0.113.7" not in text
    assert _acknowledge(attack) not in text


def test_an_empty_list_says_what_will_be_there(page, organization):
    assert "Nothing to report" in _text(page.get(LIST))
    assert "No event matches" in _text(page.get(LIST, {"severity": "CRITICAL"}))


@pytest.mark.parametrize(
    ("query", "is_listed"),
    [
        ({"name": "authz_fail"}, True),
        ({"name": "authz_change"}, False),
        ({"severity": "WARNING"}, True),
        ({"severity": "INFO"}, False),
        ({"acknowledged": "no"}, True),
        ({"acknowledged": "yes"}, False),
        ({"name": "nonsense", "acknowledged": "perhaps"}, True),
    ],
    ids=["name", "other-name", "severity", "other-severity", "unseen", "seen", "nonsense"],
)
def test_a_list_is_filtered(page, event, query, is_listed):
    response = page.get(LIST, query)

    assert [row.event for row in response.context["events"]] == ([event] if is_listed else [])


def test_a_long_list_goes_on(page, organization):
    made = [SecurityEventFactory.create(organization_id=organization.pk).pk for _ in range(51)]

    first = page.get(LIST, {"severity": "WARNING"})
    second = page.get(LIST + first.context["page"]["next_url"])

    seen = [row.event.pk for answer in (first, second) for row in answer.context["events"]]
    assert seen == made[::-1]
    assert second.context["query"] == {"severity": "WARNING"}


def test_the_page_of_an_event_tells_all_and_takes_a_note(page, event, olivia):
    text = _text(page.get(_acknowledge(event)))
    assert "members:write" in text
    assert "request-0001" in text

    response = page.post(_acknowledge(event), {"note": "She was told."}, follow=True)

    assert response.redirect_chain == [(LIST, 302)]
    event.refresh_from_db()
    assert (event.acknowledged_by_id, event.acknowledged_note) == (olivia.pk, "She was told.")
    assert "She was told." in _text(response)
    assert AuditLog.objects.filter(event="security_event.acknowledged").count() == 1


def test_a_note_that_is_too_long_is_refused(page, event):
    response = page.post(_acknowledge(event), {"note": "x" * 301})

    assert response.status_code == 200
    assert "note" in response.context["form"].errors
    event.refresh_from_db()
    assert not event.is_acknowledged


def test_an_acknowledged_event_offers_nothing_more(page, event, adam):
    event.acknowledged_at, event.acknowledged_by_id = timezone.now(), adam.pk
    event.save()

    assert _acknowledge(event) not in _text(page.get(LIST))
    text = _text(page.get(_acknowledge(event)))
    assert "adam@example.com" in text
    assert "<textarea" not in text
    assert 'name="note"' not in text


@pytest.mark.parametrize("who", ["mia", "vera"])
def test_who_may_not_read_the_log_sees_neither_page_nor_link(portal_as, event, request, who):
    browser = portal_as(request.getfixturevalue(who))

    assert browser.get(LIST).status_code == 403
    assert browser.post(_acknowledge(event), {"note": "x"}).status_code == 403
    assert f'href="{LIST}"' not in _text(browser.get("/overview/"))
    event.refresh_from_db()
    assert not event.is_acknowledged


def test_another_organizations_event_is_not_there(portal_as, event, stan):
    assert portal_as(stan).get(_acknowledge(event)).status_code == 404
    assert portal_as(stan).post(_acknowledge(event), {}).status_code == 404
    event.refresh_from_db()
    assert not event.is_acknowledged


def test_my_own_events_are_listed_with_their_addresses(portal_as, mia, vera, event):
    SecurityEventFactory.create(name="authn_login_fail", severity="INFO", user_id=mia.pk)
    SecurityEventFactory.create(name="authn_login_fail", user_id=vera.pk, ip="198.51.100.9")

    text = _text(portal_as(mia).get(MINE))

    assert "Sign-in failed" in text
    assert "203.0.113.7" in text
    assert "198.51.100.9" not in text
    assert "members:write" not in text


def test_nobody_signed_in_is_sent_to_sign_in(portal, event):
    for path in (LIST, MINE, _acknowledge(event)):
        assert portal.get(path)["Location"] == f"/login/?next={path}"


@pytest.mark.parametrize("path", [LIST, MINE])
def test_a_list_costs_the_same_for_many(page, organization, olivia, count_queries, path):
    def add():
        SecurityEventFactory.create(organization_id=organization.pk, user_id=olivia.pk)
        SecurityEventFactory.create(name="authn_login_lock", user_id=olivia.pk)

    add()
    few = count_queries(page, path)
    for _ in range(10):
        add()

    assert count_queries(page, path) == few
