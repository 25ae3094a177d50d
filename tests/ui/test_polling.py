"""Pages that ask again by themselves: often while something is near, rarely otherwise, and not after the end."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.services import exports
from config.common import polling
from tests.architecture.source import ROOT
from tests.factories.webhooks import WebhookFactory
from webhooks.services import conformance, testing

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moments", "seconds"),
    [
        ([0], 2),
        ([60], 2),
        ([-60], 2),
        ([61], 60),
        ([-61], 60),
        ([5 * 3600], 60),
        ([5 * 3600, 30], 2),
        ([None], 60),
        ([None, 0], 2),
        ([], 60),
    ],
)
def test_what_is_near_is_asked_for_often(moments, seconds):
    at = [None if moment is None else NOW + timedelta(seconds=moment) for moment in moments]

    assert polling.interval(*at, at=NOW) == seconds


def test_no_page_asks_at_a_pace_of_its_own():
    pages = (ROOT / "templates").rglob("*.html")
    paces = [
        pace
        for page in pages
        for pace in re.findall(r"\bevery [^\"]+", page.read_text())
        if "s" in pace[-1:]
    ]

    assert paces == ["every {{ poll_seconds }}s"] * 3


def pace(browser, path):
    """Return after how many seconds a page asks again, if it does."""
    found = re.search(r'hx-trigger="every (\d+)s"', browser.get(path).content.decode())
    return found and int(found[1])


@pytest.fixture
def webhook(organization):
    return WebhookFactory.create(organization=organization)


def test_a_delivery_is_watched_while_its_next_attempt_is_near(portal_as, vera, webhook, clock):
    delivery = testing.send_test(webhook=webhook, at=timezone.now())
    browser, path = portal_as(vera), f"/webhooks/{webhook.pk}/deliveries/{delivery.pk}/"

    def at(**changes):
        type(delivery).objects.filter(pk=delivery.pk).update(**changes)
        return pace(browser, path)

    now, later = timezone.now(), timezone.now() + timedelta(hours=5)
    assert at() == 2
    assert at(next_attempt_at=later) == 60
    assert at(leased_until=now + timedelta(minutes=5)) == 2
    assert at(leased_until=None, next_attempt_at=now - timedelta(hours=1)) == 60
    assert at(status="SUCCEEDED", next_attempt_at=None, completed_at=now) is None


def test_a_run_is_watched_while_it_goes_on(portal_as, vera, olivia, webhook, clock):
    run = conformance.request_run(webhook=webhook, requested_by=olivia, at=timezone.now())
    browser, path = portal_as(vera), f"/webhooks/{webhook.pk}/conformance/"

    assert pace(browser, path) == 2
    clock.shift(3600)
    assert pace(browser, path) == 60
    run.leased_until = timezone.now() + timedelta(seconds=60)
    run.save()
    assert pace(browser, path) == 2
    run.status, run.completed_at, run.leased_until = "FAILED", timezone.now(), None
    run.save()
    assert pace(browser, path) is None


def test_a_copy_is_watched_while_it_is_made(portal_as, vera, clock):
    browser, path = portal_as(vera), "/privacy/"
    assert pace(browser, path) is None

    exports.request(user=vera, at=timezone.now())

    assert pace(browser, path) == 2
    clock.shift(3600)
    assert pace(browser, path) == 60
