"""Order: with an ordering key a delivery waits for the earlier ones of its key, and for nothing else."""

import json

import pytest
from django.db import transaction

from config.common.events import publish
from organizations.signals import MemberAdded
from tests.doubles.receiver import response
from webhooks.models import Status, WebhookDelivery
from webhooks.services import claims, fan_out

pytestmark = pytest.mark.django_db
BY_USER = {"event_types": ["member.added"], "ordering_path": "data.user_id", "concurrency": 10}


@pytest.fixture
def happen(organization):
    """Tell of something that concerns a person; the role counts up."""

    def tell(user_id: int, number: int) -> None:
        with transaction.atomic():
            publish(
                MemberAdded(organization_id=organization.pk, user_id=user_id, role=str(number)),
                after={},
            )

    return tell


def told(calls, user_id):
    """What was told of one person, in order, repetitions left out."""
    data = [json.loads(call.body)["data"] for call in calls]
    roles = [int(one["role"]) for one in data if one["user_id"] == user_id]
    return list(dict.fromkeys(roles))


def test_one_key_fails_for_an_hour_and_arrives_in_order_afterwards(
    endpoint, receiver, happen, drain, clock
):
    is_down = True

    def answer(call):
        is_a = json.loads(call.body)["data"]["user_id"] == 1
        return response(503 if is_a and is_down else 200)

    receiver.answer = answer
    endpoint(**BY_USER)
    for number in range(6):
        happen(1, number)
        happen(2, number)
    drain()
    for _ in range(60):
        clock.pass_by(minutes=1)
        drain()
    assert told(receiver.calls, 2) == list(range(6))
    assert told(receiver.calls, 1) == [0]

    is_down = False
    receiver.calls.clear()
    clock.pass_by(hours=3)
    drain()

    assert told(receiver.calls, 1) == list(range(6))
    assert not WebhookDelivery.objects.exclude(status=Status.SUCCEEDED).exists()


def test_many_keys_are_each_in_order(endpoint, receiver, happen, drain):
    endpoint(**BY_USER)
    for number in range(15):
        for person in range(1, 5):
            happen(person, number)

    drain()

    for person in range(1, 5):
        assert told(receiver.calls, person) == list(range(15))


def test_only_the_first_of_a_key_can_be_claimed(endpoint, happen, clock):
    webhook = endpoint(**BY_USER)
    for number in range(3):
        happen(7, number)
    fan_out.fan_out(at=clock.now)

    first = claims.claim(at=clock.now, room=100, shares={webhook.pk: 100})
    second = claims.claim(at=clock.now, room=100, shares={webhook.pk: 100})

    assert [json.loads(parcel.payload)["data"]["role"] for parcel in first] == ["0"]
    assert second == []


def test_without_a_key_nothing_waits(endpoint, happen, clock):
    webhook = endpoint(event_types=["member.added"])
    for number in range(3):
        happen(7, number)
    fan_out.fan_out(at=clock.now)

    assert len(claims.claim(at=clock.now, room=100, shares={webhook.pk: 100})) == 3


def test_what_has_no_value_at_the_path_has_no_key(endpoint, happen, clock):
    webhook = endpoint(event_types=["member.added"], ordering_path="data.plan")
    for number in range(3):
        happen(7, number)
    fan_out.fan_out(at=clock.now)

    assert len(claims.claim(at=clock.now, room=100, shares={webhook.pk: 100})) == 3
