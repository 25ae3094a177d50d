"""Idempotency keys: one effect and one answer, whatever is sent again, at once, or by whom."""

import os
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.db import connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.services import sessions
from accounts.services.step_up import ReauthenticationRequired
from apikeys.models import ApiKey
from apikeys.services import keys
from audit.models import AuditLog
from config.common import idempotency
from config.common.context import Actor
from config.common.errors import ServiceUnavailable, TooManyRequests, Unauthenticated
from config.common.idempotency import (
    Idempotency,
    IdempotencyKeyMalformed,
    IdempotencyKeyRequired,
    key_of,
)
from config.common.models import IdempotentAnswer
from config.common.tasks import prune_answers
from tests import race
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.patience import until
from tests.ports import free_port

KEYS = "/api/v1/api-keys"
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def client(api_as, olivia):
    return api_as(olivia)


def create(client, key, body=None, **headers):
    return client.post(
        KEYS, body or {"name": "Checkout"}, headers={"Idempotency-Key": key, **headers}
    )


@pytest.mark.django_db
def test_a_retry_is_answered_to_the_byte(client):
    first = create(client, "one")
    again = create(client, '"one"', **{"X-Request-Id": "another-request"})

    assert (first.status_code, again.status_code) == (201, 201)
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Cache-Control"] == first["Cache-Control"] == "no-store"
    assert again["Idempotency-Replayed"] == again["Idempotent-Replayed"] == "true"
    assert not {"Idempotency-Replayed", "Idempotent-Replayed"} & set(first.headers)
    assert again["X-Request-Id"] == "another-request"
    assert ApiKey.objects.count() == 1
    assert AuditLog.objects.filter(event="api_key.created").count() == 1


@pytest.mark.django_db
def test_without_a_key_each_request_counts(client):
    assert client.post(KEYS, {"name": "Checkout"}).status_code == 201
    assert client.post(KEYS, {"name": "Checkout"}).status_code == 201

    assert ApiKey.objects.count() == 2
    assert not IdempotentAnswer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "headers"),
    [({"name": "Other"}, {}), ({"name": "Checkout"}, {"X-Organization-Id": "second"})],
    ids=["body", "organization"],
)
def test_another_request_under_the_key_is_refused(client, olivia, body, headers):
    second = OrganizationFactory.create()
    MemberFactory.create(organization=second, user=olivia, role="OWNER")
    create(client, "one")

    refused = create(client, "one", body, **{name: str(second.pk) for name in headers})

    assert (refused.status_code, refused.json()["code"]) == (422, "idempotency_key_reused")
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db
def test_people_do_not_share_keys(api_as, olivia, adam):
    first, second = (create(api_as(person), "one") for person in (olivia, adam))

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]


@pytest.mark.django_db
def test_paths_do_not_share_keys(client):
    made = create(client, "one").json()

    path, headers = f"{KEYS}/{made['id']}", {"Idempotency-Key": "one"}
    changed = client.patch(path, {"name": "Changed"}, headers=headers)
    rotated = client.post(f"{path}/rotate", {}, headers=headers)
    again = client.post(f"{path}/rotate", {}, headers=headers)

    assert (changed.status_code, changed.json()["name"]) == (200, "Changed")
    assert rotated.status_code == 200
    assert again.content == rotated.content


@pytest.mark.django_db
def test_a_refusal_is_recorded_too(client, organization, monkeypatch):
    refused = create(client, "one", {"name": ""})
    again = create(client, "one", {"name": ""})

    assert (refused.status_code, again.status_code) == (400, 400)
    assert again.content == refused.content
    assert again["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "error",
    [ServiceUnavailable, TooManyRequests, Unauthenticated, ReauthenticationRequired],
    ids=["503", "429", "401", "reauthentication"],
)
def test_what_the_same_request_may_be_spared_later_is_not_kept(client, monkeypatch, error):
    def refuse(**_):
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(keys, "create_key", refuse)
        assert create(client, "one").status_code == error.status
    assert not IdempotentAnswer.objects.exists()

    assert create(client, "one").status_code == 201


@pytest.mark.django_db
def test_a_defect_leaves_nothing(client, monkeypatch):
    real = keys.create_key

    def fail(**arguments):
        real(**arguments)
        raise RuntimeError("broken")

    client.raise_request_exception = False
    with monkeypatch.context() as broken:
        broken.setattr(keys, "create_key", fail)
        assert create(client, "one").status_code == 500

    assert not ApiKey.objects.exists()
    assert not IdempotentAnswer.objects.exists()
    assert create(client, "one").status_code == 201


@pytest.mark.django_db
def test_who_may_no_longer_act_gets_no_replay(api_as, adam, organization):
    client = api_as(adam)
    create(client, "one")
    organization.members.filter(user=adam).delete()

    assert create(client, "one").status_code == 404


@pytest.mark.django_db
def test_the_secret_is_not_readable_at_rest(client):
    secret = create(client, "one").json()["key"]

    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM common_idempotentanswer t")
        (row,) = cursor.fetchone()
    assert secret not in row
    assert secret.encode().hex() not in row


@pytest.mark.django_db
def test_after_24_hours_the_key_is_free(client):
    create(client, "one")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))

    again = create(client, "one")

    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again
    assert ApiKey.objects.count() == 2
    assert IdempotentAnswer.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("age", "is_known"),
    [(idempotency.KEPT_FOR - timedelta(microseconds=1), True), (idempotency.KEPT_FOR, False)],
)
def test_an_answer_is_known_for_24_hours_to_the_moment(age, is_known):
    at = timezone.now()
    claim = idempotency.claim_of(
        actor=Actor(type="user", id=1), method="POST", path=KEYS, key="one", parts=()
    )
    idempotency.record(claim, idempotency.Answer(201, {}, b"made"))
    IdempotentAnswer.objects.update(created_at=at - age)

    assert (idempotency.begin(claim, at=at) is not None) is is_known


@pytest.mark.django_db
def test_old_answers_are_deleted(client):
    create(client, "old")
    IdempotentAnswer.objects.update(created_at=timezone.now() - timedelta(hours=24))
    create(client, "new")

    prune_answers()

    assert IdempotentAnswer.objects.count() == 1
    assert create(client, "new")["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e"', "8e03978e"),
        ('"a b, c"', "a b, c"),
        (r'"a\"b\\c"', r'a"b\c'),
        ("x" * 255, "x" * 255),
        (None, None),
    ],
    ids=["bare", "quoted", "spaced", "escaped", "longest", "absent"],
)
def test_reads_keys(header, key):
    assert key_of(header, Idempotency.OPTIONAL) == key


@pytest.mark.parametrize(
    "header",
    ["", '""', '"', '"a', 'a"', "a b", "a,b", r'"a\b"', '"a";b=1', "é", '"\x00"', "x" * 256],
    ids=["empty", "nothing", "quote", "open", "closed", "space", "two", "escape", "parameter",
         "foreign", "nul", "long"],
)  # fmt: skip
def test_refuses_what_is_no_key(header):
    with pytest.raises(IdempotencyKeyMalformed):
        key_of(header, Idempotency.OPTIONAL)


@pytest.mark.django_db
def test_a_malformed_key_is_refused_before_anything_happens(client):
    refused = create(client, "a b")

    assert (refused.status_code, refused.json()["code"]) == (400, "idempotency_key_malformed")
    assert not ApiKey.objects.exists()


def test_where_money_moves_a_key_is_needed():
    with pytest.raises(IdempotencyKeyRequired):
        key_of(None, Idempotency.REQUIRED)
    assert key_of("one", Idempotency.REQUIRED) == "one"
    assert key_of("one", Idempotency.NONE) is None


@pytest.mark.django_db(transaction=True)
def test_while_the_first_one_runs_others_are_told_to_wait(client, monkeypatch):
    real, entered, may_go = keys.create_key, threading.Event(), threading.Event()

    def slowly(**arguments):
        entered.set()
        assert may_go.wait(60)
        return real(**arguments)

    monkeypatch.setattr(keys, "create_key", slowly)
    answers = []

    def first():
        answers.append(create(client, "one"))
        connection.close()

    thread = threading.Thread(target=first)
    thread.start()
    assert entered.wait(60)
    meanwhile = create(client, "one")
    may_go.set()
    thread.join()

    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "idempotent_request_running")
    assert meanwhile["Retry-After"] == "1"
    assert [answer.status_code for answer in answers] == [201]
    assert create(client, "one").content == answers[0].content
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_eight_at_once_one_is_carried_out(olivia):
    access = sessions.start(user=olivia, at=timezone.now()).access

    def send(_number):
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
        return create(client, "one")

    answers = race.together(8, send)

    made = {answer.content for answer in answers if answer.status_code == 201}
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(made) == 1
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_server_ends_a_lock_that_nobody_gives_back():
    with transaction.atomic():
        claim = idempotency.Claim(scope=b"s" * 32, fingerprint=b"f" * 32)
        assert idempotency.begin(claim, at=timezone.now()) is None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('transaction_timeout', true),"
                " current_setting('idle_in_transaction_session_timeout')"
            )
            bounds = cursor.fetchone()
        transaction.set_rollback(True)

    assert "55s" in bounds


@contextmanager
def mortal_server():
    port = free_port()
    command = [sys.executable, "-m", "tests.api.mortal", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("when", "effects"), [("within", 0), ("after", 1)])
def test_a_killed_server_leaves_all_or_nothing(client, olivia, when, effects):
    access = sessions.start(user=olivia, at=timezone.now()).access
    headers = {"Authorization": f"Bearer {access}", "Idempotency-Key": "one"}
    with mortal_server() as (url, process):
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.post(
                url + KEYS,
                json={"name": "Checkout"},
                headers={**headers, "X-Die": when},
                timeout=60,
            )
        assert process.wait(60) == -9
    names = list(ApiKey.objects.values_list("name", flat=True))
    assert names == ["Checkout"] * effects

    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")

    def retried_in_its_turn():
        """Return the answer, once PostgreSQL has noticed that who held the lock is dead."""
        answer = client.generic(
            "POST",
            KEYS,
            b'{"name":"Checkout"}',
            content_type="application/json",
            headers={"Idempotency-Key": "one"},
        )
        return None if answer.status_code == 409 else answer

    retried = until(retried_in_its_turn)
    assert retried.status_code == 201
    assert retried.json()["key"].startswith("tg_live_")
    assert ("Idempotency-Replayed" in retried) == bool(effects)
    assert ApiKey.objects.count() == 1
