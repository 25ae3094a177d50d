"""Conformance runs: a good receiver gets an A, each kind of carelessness costs what it should, and a run survives its worker."""

import json
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.utils import timezone
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from audit.models import AuditLog
from config.common.http import Answer
from tests.doubles.receiver import response
from tests.race import at_once
from webhooks.models import ConformanceRun, DisabledReason, RunStatus, WebhookAttempt
from webhooks.services import conformance, endpoints, probes

pytestmark = pytest.mark.django_db


@pytest.fixture
def endpoint(endpoint, monkeypatch):
    """An endpoint that is quick enough whatever the machine does."""
    monkeypatch.setattr(probes, "SLOW_SECONDS", 60)
    return endpoint


def start(webhook):
    return conformance.request_run(webhook=webhook, requested_by=None, at=timezone.now())


def run(webhook):
    started = start(webhook)
    assert conformance.run_due() == 1
    started.refresh_from_db()
    return started


def verdicts(done):
    return {row["code"]: row["verdict"] for row in done.results}


def failed(done):
    return {code for code, verdict in verdicts(done).items() if verdict == "failed"}


def verifying(secret):
    """Answer as a server that verifies by the standard's own library."""

    def answer(call):
        try:
            Verifier(secret).verify(call.body, call.headers)
        except WebhookVerificationError:
            return response(401)
        return response(204, body=b"")

    return answer


def test_a_server_that_verifies_by_the_standards_library_passes_all_but_encryption(
    endpoint, receiver
):
    webhook = endpoint()
    receiver.answer = verifying(webhook.secret)

    done = run(webhook)

    assert (done.status, done.leased_until) == (RunStatus.FINISHED, None)
    assert failed(done) == {"encryption"}
    assert (done.score, done.grade) == (95, "A")
    assert len(done.results) == done.probes_total == probes.TOTAL
    assert len(receiver.calls) == len(probes.PROBES)


def test_probes_are_what_they_say(endpoint, receiver):
    webhook = endpoint(headers={"X-Token": "s3cret"})
    receiver.answer = verifying(webhook.secret)

    run(webhook)

    sent = dict(zip([probe.code for probe in probes.PROBES], receiver.calls, strict=True))
    assert sent["duplicate"].message_id == sent["valid"].message_id
    assert "webhook-signature" not in sent["unsigned"].headers
    assert len(sent["rotated"].headers["webhook-signature"].split()) == 2
    assert json.loads(sent["unknown_type"].body)["type"] == probes.UNKNOWN_TYPE
    assert 200 * 1024 < len(sent["large"].body) < 256 * 1024
    assert {call.headers["x-token"] for call in receiver.calls} == {"s3cret"}
    assert not WebhookAttempt.objects.exists()


def test_an_open_door_is_a_d_at_best(endpoint, receiver):
    done = run(endpoint())

    assert failed(done) == {"tampered", "forged", "unsigned", "old", "early", "encryption"}
    assert done.grade == "D"
    told = next(row for row in done.results if row["code"] == "tampered")
    assert "must refuse" in told["detail"]
    assert "constant time" in told["fix"]


def test_who_refuses_everything_fails_and_gets_no_credit_for_refusals(endpoint, receiver):
    receiver.answer = lambda _call: response(401)

    done = run(endpoint())

    assert done.grade == "F"
    assert verdicts(done)["tampered"] == "skipped"
    assert verdicts(done)["speed"] == "skipped"


def test_replays_that_are_taken_cap_the_grade(endpoint, receiver):
    webhook = endpoint()
    verify = verifying(webhook.secret)

    def careless(call):
        refused = verify(call)
        age = abs(int(call.headers["webhook-timestamp"]) - timezone.now().timestamp())
        return response(204, body=b"") if age > 600 else refused

    receiver.answer = careless

    done = run(webhook)

    assert {"old", "early"} <= failed(done)
    assert done.grade == "C"


def test_an_unreachable_server_is_asked_once(endpoint, receiver):
    webhook = endpoint("/reset")

    done = run(webhook)

    assert len(receiver.calls) == 1
    assert done.grade == "F"
    assert verdicts(done)["large"] == "skipped"


def test_ed25519_is_probed_with_its_own_keys(endpoint, receiver):
    webhook = endpoint(signature="ed25519")

    run(webhook)

    first = receiver.calls[0].headers["webhook-signature"]
    forged = receiver.calls[3].headers["webhook-signature"]
    assert first.startswith("v1a,")
    assert forged.startswith("v1a,")


def test_one_run_at_a_time(endpoint):
    webhook = endpoint()
    start(webhook)

    with pytest.raises(conformance.ConformanceRunning):
        start(webhook)
    assert ConformanceRun.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_that_start_one_at_once_one_wins(endpoint):
    webhook = endpoint()

    results = at_once(*[lambda: start(webhook)] * 4)

    assert sum(isinstance(one, ConformanceRun) for one in results) == 1
    assert sum(isinstance(one, conformance.ConformanceRunning) for one in results) == 3
    assert ConformanceRun.objects.count() == 1


def test_runs_are_limited_per_hour(endpoint, organization):
    webhook = endpoint()
    ConformanceRun.objects.bulk_create(
        ConformanceRun(
            organization=organization,
            webhook=webhook,
            url=webhook.url,
            probes_total=1,
            status=RunStatus.FAILED,
            completed_at=timezone.now(),
        )
        for _ in range(conformance.MAX_PER_HOUR)
    )

    with pytest.raises(conformance.TooManyRuns):
        start(webhook)
    assert ConformanceRun.objects.count() == conformance.MAX_PER_HOUR


@pytest.mark.parametrize("how", ["slack", "staff"])
def test_what_cannot_be_probed_is_refused(endpoint, how):
    webhook = endpoint(kind="slack" if how == "slack" else "standard")
    if how == "staff":
        endpoints.disable_webhook(webhook=webhook, at=timezone.now(), reason=DisabledReason.STAFF)

    with pytest.raises(conformance.ConformanceUnavailable):
        start(webhook)
    assert not ConformanceRun.objects.exists()


@pytest.mark.parametrize("how", ["moved", "staff", "closed"])
def test_an_endpoint_that_was_changed_or_shut_meanwhile_is_sent_nothing(endpoint, receiver, how):
    webhook, now = endpoint(), timezone.now()
    started = start(webhook)
    if how == "moved":
        headers = {"Authorization": "Bearer of-the-new-one"}
        endpoints.update_webhook(
            webhook=webhook, settings={"url": f"{webhook.url}/new", "headers": headers}
        )
    else:
        reason = DisabledReason.STAFF if how == "staff" else DisabledReason.CLOSED
        endpoints.disable_webhook(webhook=webhook, at=now, reason=reason)

    assert conformance.run_due() == 1

    started.refresh_from_db()
    assert (started.status, started.results) == (RunStatus.FAILED, [])
    assert not receiver.calls


def test_a_run_whose_worker_died_is_begun_again(endpoint, receiver):
    webhook = endpoint()
    receiver.answer = verifying(webhook.secret)
    started = start(webhook)
    lost = conformance._claim(at=timezone.now())

    assert conformance.run_due() == 0
    later = timezone.now() + conformance.LEASE + timedelta(seconds=1)
    assert conformance.run_due(clock=lambda: later) == 1

    started.refresh_from_db()
    assert (started.status, started.starts) == (RunStatus.FINISHED, 2)
    # Whoever held it before writes nothing any more.
    assert lost is not None
    lost.results = []
    assert conformance._keep(lost, at=later) is False
    conformance._close(lost, at=later, status=RunStatus.FAILED)
    started.refresh_from_db()
    assert started.status == RunStatus.FINISHED


def test_slow_servers_take_the_time_of_one_worker(endpoint):
    started = start(endpoint())
    with psycopg.connect(settings.DATABASE_URL) as other:
        other.execute(conformance._TAKE_TURN)
        assert conformance.run_due() == 0
    assert conformance.run_due(seconds=0) == 0
    started.refresh_from_db()
    assert (started.status, started.starts) == (RunStatus.QUEUED, 0)

    assert conformance.run_due() == 1


def test_a_run_that_kills_its_workers_is_given_up(endpoint, receiver):
    started = start(endpoint())
    ConformanceRun.objects.update(starts=conformance.MAX_STARTS)

    conformance.run_due()

    started.refresh_from_db()
    assert (started.status, started.grade, receiver.calls) == (RunStatus.FAILED, "", [])


def test_a_run_is_in_the_audit_log(endpoint):
    done = run(endpoint())

    names = AuditLog.objects.filter(event__startswith="webhook.conformance")
    assert sorted(names.values_list("event", flat=True)) == [
        "webhook.conformance_finished",
        "webhook.conformance_requested",
    ]
    assert done.grade in "ABCDF"


@pytest.mark.parametrize(
    ("status", "welcome", "refused"),
    [
        (200, "passed", "failed"),
        (204, "passed", "failed"),
        (301, "failed", "failed"),
        (400, "failed", "passed"),
        (401, "failed", "passed"),
        (500, "failed", "failed"),
        (None, "failed", "failed"),
    ],
)
def test_what_an_answer_means(status, welcome, refused):
    by_code = {probe.code: probe for probe in probes.PROBES}
    answer = Answer(status=status, detail="No connection could be made.")

    assert probes.judged(by_code["valid"], answer)["verdict"] == welcome
    assert probes.judged(by_code["tampered"], answer)["verdict"] == refused


@pytest.mark.parametrize(
    ("slowest", "verdict"), [(2_000, "passed"), (2_001, "failed"), (None, "skipped")]
)
def test_speed_is_that_of_the_slowest_answer(slowest, verdict):
    row = {"is_welcome": True, "verdict": "passed", "duration_ms": slowest}

    assert probes.observed_speed([row] if slowest else [])["verdict"] == verdict


def test_weights_are_a_hundred_and_more_and_every_probe_says_what_to_mend():
    assert sum(probe.weight for probe in probes.PROBES) == 105
    assert all(probe.fix.endswith(".") for probe in probes.PROBES)
