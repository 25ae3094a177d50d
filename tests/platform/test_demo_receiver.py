"""The servers that the demo's webhooks call: a good one, a busy one, and one that is gone."""

import asyncio
import json
import time

import pytest

from config.embedded import demo_receiver
from config.embedded.place import Place
from webhooks import signing

SECRET = signing.new_shared_secret()
BODY = b'{"type": "member.added", "data": {"role": "VIEWER"}}'


@pytest.fixture(autouse=True)
def place(settings, tmp_path):
    """Keep the demo's secret where the receiver looks for it."""
    settings.PLACE = Place(tmp_path, tmp_path / "data", tmp_path / "sockets")
    settings.PLACE.remember("demo.env", {"DEMO_WEBHOOK_SECRET": SECRET})
    demo_receiver._seen.clear()


def signed(*, message_id="msg_1", at=None, secret=SECRET, body=BODY):
    seconds = int(at or time.time())
    told = signing.signature([secret], message_id=message_id, timestamp=seconds, body=body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": told,
    }


def post(server, headers=(), body=BODY, method="POST"):
    """Send a body in two pieces and return the status, the headers and what was said."""
    half = len(body) // 2
    pieces = [
        {"type": "http.request", "body": body[:half], "more_body": True},
        {"type": "http.request", "body": body[half:], "more_body": False},
    ]
    heard = []

    async def receive():
        return pieces.pop(0)

    async def send(message):
        heard.append(message)

    scope = {
        "path": f"/demo/hooks/{server}",
        "method": method,
        "headers": [(name.encode(), value.encode()) for name, value in dict(headers).items()],
    }
    asyncio.run(demo_receiver.application(scope, receive, send))
    start, end = heard
    return start["status"], dict(start["headers"]), json.loads(end["body"])["message"]


def test_orders_takes_what_is_genuine_and_knows_it_again():
    first, again = post("orders", signed()), post("orders", signed())

    assert (first[0], first[2]) == (200, "Thank you.")
    assert (again[0], again[2]) == (200, "We have that one already.")


def test_orders_accepts_any_of_several_signatures():
    both = signed()
    other = signed(secret=signing.new_shared_secret())["webhook-signature"]
    both["webhook-signature"] = f"{other} v9,eA== {both['webhook-signature']}"

    assert post("orders", both)[0] == 200


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, BODY),
        (signed(), BODY + b" "),
        (signed(secret=signing.new_shared_secret()), BODY),
        (signed(at=time.time() - 3_600), BODY),
        (signed(at=time.time() + 3_600), BODY),
        ({**signed(), "webhook-timestamp": "soon"}, BODY),
        ({**signed(), "webhook-timestamp": "9" * 400}, BODY),
        ({**signed(), "webhook-signature": "v1,é"}, BODY),
        ({**signed(), "webhook-id": "msg_2"}, BODY),
    ],
)
def test_orders_refuses_what_is_not(headers, body):
    assert post("orders", headers, body)[0] == 401


def test_orders_trusts_nobody_without_a_secret(settings):
    settings.PLACE.remember("demo.env", {})

    assert post("orders", signed(secret="whsec_"))[0] == 401


def test_the_warehouse_takes_an_event_when_it_comes_again_and_never_what_it_fails_over():
    revoked = b'{"type":"api_key.revoked","data":{}}'

    assert [post("warehouse", signed())[0] for _ in range(2)] == [503, 200]
    assert [post("warehouse", signed(message_id="msg_2"), revoked)[0] for _ in range(2)] == [
        500
    ] * 2


def test_the_shop_is_gone():
    assert post("shop", signed())[0] == 410


def test_other_requests_are_refused():
    status, headers, _ = post("orders", method="GET")

    assert (status, headers[b"allow"]) == (405, b"POST")
    assert post("elsewhere")[0] == 404
    assert post("orders", body=b"x" * 300_001)[0] == 413


def test_it_remembers_no_more_than_it_can_hold():
    for number in range(1_005):
        post("warehouse", {"webhook-id": f"msg_{number}"})

    assert len(demo_receiver._seen) == 1_000
    assert post("warehouse", {"webhook-id": "msg_1004"})[0] == 200
    assert post("warehouse", {"webhook-id": "msg_0"})[0] == 503
