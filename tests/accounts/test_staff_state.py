"""The dashboard and the queues over the staff API: right figures, few queries, and an answer when Valkey is away."""

import pytest
import redis
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Broadcast, DataExport, User
from accounts.services import sessions
from analytics.metering import stream
from audit.models import SecurityEvent
from config.common import mail
from config.common.models import OutgoingMail
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db
DASHBOARD = "/api/v1/admin/dashboard"
METRICS = "/api/v1/admin/system/metrics"


@pytest.fixture
def staff(sam):
    now = timezone.now()
    pair = sessions.start(user=sam, at=now, proof=sessions.Proof(second_factor_at=now))
    return APIClient(headers={"Authorization": f"Bearer {pair.access}"})


def test_counts_people_organizations_and_keys(
    clock, staff, sam, organization, foreign_organization, olivia, stan
):
    UserFactory.create(status="SUSPENDED")
    User.objects.filter(pk=stan.pk).update(created_at="2025-01-01T00:00:00Z")
    ApiKeyFactory.create(organization=organization, created_by=olivia)

    answer = staff.get(DASHBOARD)

    assert answer.status_code == 200
    assert answer.json() == {
        "at": "2026-03-02T09:00:00Z",
        "people": {"active": 3, "suspended": 1, "registered_lately": 3, "signed_in_lately": 1},
        "organizations": {"active": 2, "suspended": 0, "created_lately": 2},
        "subscriptions": [{"plan": "FREE", "active": 2}],
        "usable_keys": 1,
        "calls_last_day": 0,
    }


def test_says_what_waits(clock, staff, olivia):
    mail.send("accounts/welcome", to=olivia.email, values={"user": olivia})
    given_up = mail.send("accounts/welcome", to=olivia.email, values={"user": olivia})
    OutgoingMail.objects.filter(pk=given_up.pk).update(failed_at=timezone.now())
    DataExport.objects.create(user=olivia)
    Broadcast.objects.create(title="x", body="x", status="SENDING", started_at=timezone.now())
    SecurityEvent.objects.all().delete()

    answer = staff.get(METRICS)

    assert answer.status_code == 200
    told = answer.json()
    assert told["mails"] == {"waiting": 1, "failed": 1}
    assert (told["exports_open"], told["broadcasts_sending"]) == (1, 1)
    assert told["usage_stream"] == {"length": 0, "lag_seconds": 0.0}
    assert told["webhooks"]["due"] == told["webhooks"]["failing"] == 0
    assert told["security_events"] == []


def test_answers_while_valkey_is_away(staff, monkeypatch):
    def away():
        raise redis.ConnectionError

    monkeypatch.setattr(stream, "length", away)

    assert staff.get(METRICS).json()["usage_stream"] is None


@pytest.mark.parametrize("path", [DASHBOARD, METRICS])
def test_is_for_staff_with_a_second_factor(api_as, staff, sam, olivia, path):
    assert api_as(sam).get(path).json()["code"] == "second_factor_required"
    assert api_as(olivia).get(path).status_code == 403


@pytest.mark.parametrize(("path", "most"), [(DASHBOARD, 8), (METRICS, 14)])
def test_costs_few_queries(staff, path, most, count_queries):
    few = count_queries(staff, path)
    for _ in range(10):
        UserFactory.create()

    assert count_queries(staff, path) == few <= most
