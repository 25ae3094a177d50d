"""POST /api/v1/auth/verify-email uses a mailed link once, within a day; resend mails another and tells nobody."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import EmailToken, LoginGuard, User, UserStatus
from accounts.services import registration, suspension
from audit.models import AuditLog
from config.common import crypto
from config.common.models import OutgoingMail
from tests import race, servers
from tests.factories.accounts import UserFactory
from tests.queries import shapes

URL = "/api/v1/auth/verify-email"
RESEND = f"{URL}/resend"
SENT = {"detail": "If the address waits to be confirmed, a new link is on its way to it."}


@pytest.fixture
def nora(db):
    """Return a person who has not verified her address; a link is on its way."""
    registration.register(email="nora@example.com", password="four unrelated quiet words")
    return User.objects.get(email="nora@example.com")


def test_verifies_the_address(api, nora, mailed_token):
    response = api.post(URL, {"token": mailed_token(nora.email)})

    assert response.status_code == 200
    assert response.json() == {"detail": "The address is confirmed."}
    nora.refresh_from_db()
    assert nora.is_verified_email
    entry = AuditLog.objects.get(event="user.email_verified")
    assert (entry.actor_type, entry.actor_id, entry.target_id) == ("user", nora.pk, nora.pk)


def test_welcomes_once(api, nora, mailed_token):
    first = mailed_token(nora.email)
    registration.resend_verification(email=nora.email)
    second = mailed_token(nora.email)

    statuses = [api.post(URL, {"token": token}).status_code for token in (first, second, first)]

    assert statuses == [200, 400, 400]
    assert OutgoingMail.objects.filter(kind="accounts/welcome").count() == 1


def test_refuses_a_used_link(api, nora, mailed_token):
    token = mailed_token(nora.email)
    api.post(URL, {"token": token})

    response = api.post(URL, {"token": token})

    assert response.status_code == 400
    assert response.json()["code"] == "verification_failed"


def test_refuses_a_link_of_yesterday(api, nora, mailed_token, clock):
    registration.resend_verification(email=nora.email)
    token = mailed_token(nora.email)
    clock.shift(24 * 3600)

    response = api.post(URL, {"token": token})

    assert response.json()["code"] == "verification_failed"
    assert not User.objects.get().is_verified_email


def test_takes_a_link_until_its_last_second(api, nora, mailed_token, clock):
    registration.resend_verification(email=nora.email)
    token = mailed_token(nora.email)
    clock.shift(24 * 3600 - 1)

    assert api.post(URL, {"token": token}).status_code == 200


def test_refuses_a_link_for_another_address(api, nora, mailed_token):
    token = mailed_token(nora.email)
    User.objects.update(email="nora@elsewhere.example")

    assert api.post(URL, {"token": token}).status_code == 400
    assert not User.objects.get().is_verified_email


def test_refuses_a_link_for_another_purpose(api, nora):
    EmailToken.objects.create(
        user=nora,
        purpose=EmailToken.Purpose.RESET_PASSWORD,
        digest=crypto.digest("reset"),
        email=nora.email,
        expires_at=timezone.now() + timedelta(hours=1),
    )

    assert api.post(URL, {"token": "reset"}).status_code == 400
    assert not User.objects.get().is_verified_email


@pytest.mark.parametrize("token", ["nonsense", "é" * 50, "a" * 100])
def test_refuses_what_is_no_link_of_ours(api, nora, token):
    response = api.post(URL, {"token": token})

    assert response.status_code == 400
    assert response.json()["code"] == "verification_failed"


def test_exactly_one_of_sixteen_wins(transactional_db, live_server, nora, mailed_token):
    request = race.post(URL, {"token": mailed_token(nora.email)})

    answers = race.run(live_server.url, [request] * 16)

    assert sorted(answer.status for answer in answers) == [200] + [400] * 15
    assert {answer.json()["code"] for answer in answers if answer.status == 400} == {
        "verification_failed"
    }
    assert AuditLog.objects.filter(event="user.email_verified").count() == 1
    assert OutgoingMail.objects.filter(kind="accounts/welcome").count() == 1


@pytest.mark.trial
def test_exactly_one_wins_twenty_times(
    transactional_db, live_server, mailed_token, redis_client, settings
):
    for number in range(20):
        LoginGuard.objects.all().delete()
        servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        address = f"nora{number}@example.com"
        registration.register(email=address, password="four unrelated quiet words")

        answers = race.run(live_server.url, [race.post(URL, {"token": mailed_token(address)})] * 16)

        assert sorted(answer.status for answer in answers) == [200] + [400] * 15
    assert AuditLog.objects.filter(event="user.email_verified").count() == 20


def test_exactly_one_of_sixteen_threads_wins(transactional_db, nora, mailed_token):
    token, now = mailed_token(nora.email), timezone.now()

    outcomes = race.together(16, lambda _: registration.verify_email(token=token, at=now))

    assert [outcome for outcome in outcomes if isinstance(outcome, User)] == [nora]
    refused = [o for o in outcomes if isinstance(o, registration.VerificationFailed)]
    assert len(refused) == 15


def test_keeps_only_the_digest_of_a_link(nora, mailed_token, tables_holding):
    token = mailed_token(nora.email)

    assert bytes(EmailToken.objects.get().digest) == crypto.digest(token)
    assert tables_holding(nora.email) != []
    assert tables_holding(token) == []


def test_resend_mails_a_new_link(api, nora, mailed_token):
    before = mailed_token(nora.email)

    response = api.post(RESEND, {"email": "NORA@example.com"})

    assert (response.status_code, response.json()) == (200, SENT)
    assert mailed_token(nora.email) != before
    assert EmailToken.objects.count() == 2


@pytest.mark.parametrize("case", ["unknown", "verified", "suspended"])
def test_resend_answers_alike_and_mails_nothing(api, db, case):
    person = UserFactory.create(email="known@example.com")
    if case == "suspended":
        User.objects.update(email_verified_at=None)
        suspension.suspend(user=person, reason="abuse")
        assert User.objects.get().status == UserStatus.SUSPENDED
    address = "unknown@example.com" if case == "unknown" else person.email

    response = api.post(RESEND, {"email": address})

    assert (response.status_code, response.json()) == (200, SENT)
    assert not OutgoingMail.objects.exists()
    assert not EmailToken.objects.exists()


def test_resend_does_the_same_work_for_an_unknown_address(api, nora):
    api.post(RESEND, {"email": "warm@example.com"})

    with CaptureQueriesContext(connection) as known:
        api.post(RESEND, {"email": nora.email})
    with CaptureQueriesContext(connection) as unknown:
        api.post(RESEND, {"email": "unknown@example.com"})

    assert shapes(unknown) == shapes(known)


def test_resend_mails_five_times_an_hour_at_most(api, nora, clock):
    for _ in range(8):
        assert api.post(RESEND, {"email": nora.email}).json() == SENT

    # The mail of the registration is one of them.
    assert OutgoingMail.objects.filter(kind="accounts/verify_email").count() == 5
