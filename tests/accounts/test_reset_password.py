"""POST /api/v1/auth/password-reset: a mailed link sets a new password once, within an hour, and tells nobody else."""

import re

import pytest
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Device, EmailToken, LoginGuard, Session, User
from accounts.services import passwords, sessions, suspension
from audit.models import AuditLog, SecurityEvent
from config.common import crypto
from config.common.models import OutgoingMail
from tests import race, servers
from tests.factories.accounts import PASSWORD, UserFactory
from tests.queries import shapes

REQUEST = "/api/v1/auth/password-reset/request"
CONFIRM = "/api/v1/auth/password-reset/confirm"
SENT = {"detail": "If the address has an account, a link to a new password is on its way to it."}
NEW = "another four unrelated words"


@pytest.fixture
def nora(db):
    return UserFactory.create(email="nora@example.com", full_name="Nora Newcomer")


@pytest.fixture
def link(api, nora, mailed_token):
    """Ask for a link and return its token."""
    assert api.post(REQUEST, {"email": nora.email}).status_code == 202
    return mailed_token(nora.email, "reset_password")


def test_mails_a_link(api, nora, mailed_token):
    response = api.post(REQUEST, {"email": "NORA@example.com"})

    assert (response.status_code, response.json()) == (202, SENT)
    token = EmailToken.objects.get()
    assert bytes(token.digest) == crypto.digest(mailed_token(nora.email, "reset_password"))
    assert (token.expires_at - timezone.now()).total_seconds() == pytest.approx(3600, abs=60)
    entry = AuditLog.objects.get(event="user.password_reset_requested")
    assert (entry.actor_type, entry.target_id) == ("anonymous", nora.pk)


def test_the_link_leads_to_the_configured_place(api, nora, mailed_token):
    api.post(REQUEST, {"email": nora.email}, headers={"Host": "localhost"})

    # The fixture looks for a link that begins with PUBLIC_URL.
    assert mailed_token(nora.email, "reset_password")


def test_a_strange_host_is_refused(api, nora):
    response = api.post(REQUEST, {"email": nora.email}, headers={"Host": "evil.example"})

    assert response.status_code == 400
    assert not OutgoingMail.objects.exists()


def test_sets_the_password(api, nora, link):
    response = api.post(CONFIRM, {"token": link, "password": NEW})

    assert (response.status_code, response.content) == (204, b"")
    assert User.objects.get().check_password(NEW)
    entry = AuditLog.objects.get(event="user.password_changed")
    assert (entry.actor_id, entry.target_id) == (nora.pk, nora.pk)
    assert SecurityEvent.objects.get().name == "authn_password_change"
    assert OutgoingMail.objects.filter(kind="accounts/password_changed").count() == 1


def test_signs_nobody_in(api, nora, link):
    api.post(CONFIRM, {"token": link, "password": NEW})

    assert not Session.objects.exists()
    assert "tollgate_session" not in api.cookies


def test_ends_every_session_and_every_trust(api, api_as, portal_as, nora, link):
    client, browser = api_as(nora), portal_as(nora)
    Device.objects.create(
        user=nora, digest=b"d" * 32, last_used_at=timezone.now(), trusted_until=timezone.now()
    )

    api.post(CONFIRM, {"token": link, "password": NEW})

    assert client.get("/api/v1/users/me").status_code == 401
    assert browser.get("/profile/").status_code == 302
    assert set(Session.objects.values_list("ended_reason", flat=True)) == {"password_changed"}
    assert not Device.objects.filter(trusted_until__isnull=False).exists()


def test_is_good_once(api, nora, link):
    api.post(CONFIRM, {"token": link, "password": NEW})

    response = api.post(CONFIRM, {"token": link, "password": "yet other quiet words"})

    assert (response.status_code, response.json()["code"]) == (400, "password_reset_failed")
    assert User.objects.get().check_password(NEW)


def test_the_newest_link_replaces_older_ones(api, nora, link, mailed_token):
    api.post(REQUEST, {"email": nora.email})
    newest = mailed_token(nora.email, "reset_password")

    statuses = [
        api.post(CONFIRM, {"token": token, "password": NEW}).status_code for token in (link, newest)
    ]

    assert statuses == [400, 204]


@pytest.mark.parametrize(("seconds", "status"), [(3599, 204), (3600, 400)], ids=["in", "late"])
def test_is_good_for_an_hour(clock, api, nora, mailed_token, seconds, status):
    api.post(REQUEST, {"email": nora.email})
    clock.shift(seconds)

    token = mailed_token(nora.email, "reset_password")

    assert api.post(CONFIRM, {"token": token, "password": NEW}).status_code == status


@pytest.mark.parametrize("password", ["short", "password1234", "Nora Newcomer", "x" * 257], ids=len)
def test_a_weak_password_leaves_the_link_as_it_was(api, nora, link, password):
    response = api.post(CONFIRM, {"token": link, "password": password})

    assert response.status_code == 400
    assert {error["pointer"] for error in response.json()["errors"]} == {"#/password"}
    assert User.objects.get().check_password(PASSWORD)
    assert api.post(CONFIRM, {"token": link, "password": NEW}).status_code == 204


def test_a_link_for_another_purpose_is_refused(api, nora, mailed_token):
    User.objects.update(email_verified_at=None)
    api.post("/api/v1/auth/verify-email/resend", {"email": nora.email})

    response = api.post(CONFIRM, {"token": mailed_token(nora.email), "password": NEW})

    assert response.status_code == 400
    assert User.objects.get().check_password(PASSWORD)


def test_a_link_of_an_earlier_address_is_refused(api, nora, link):
    User.objects.update(email="nora@elsewhere.example")

    assert api.post(CONFIRM, {"token": link, "password": NEW}).status_code == 400
    assert User.objects.get().check_password(PASSWORD)


def test_a_changed_password_makes_links_worthless(api, api_as, nora, link):
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert api_as(nora).post("/api/v1/users/me/password", body).status_code == 200

    assert api.post(CONFIRM, {"token": link, "password": PASSWORD}).status_code == 400
    assert User.objects.get().check_password(NEW)


@pytest.mark.parametrize("case", ["unknown", "suspended"])
def test_answers_alike_and_mails_nothing(api, nora, case):
    if case == "suspended":
        suspension.suspend(user=nora, reason="abuse")
    address = "unknown@example.com" if case == "unknown" else nora.email

    response = api.post(REQUEST, {"email": address})

    assert (response.status_code, response.json()) == (202, SENT)
    assert not OutgoingMail.objects.exists()
    assert not EmailToken.objects.exists()
    assert not AuditLog.objects.filter(event="user.password_reset_requested").exists()


def test_does_the_same_work_for_an_unknown_address(api, nora):
    warm = UserFactory.create(email="warm@example.com")
    api.post(REQUEST, {"email": warm.email})

    with CaptureQueriesContext(connection) as known:
        api.post(REQUEST, {"email": nora.email})
    with CaptureQueriesContext(connection) as unknown:
        api.post(REQUEST, {"email": "unknown@example.com"})

    assert shapes(unknown) == shapes(known)


def test_mails_five_times_an_hour_at_most(api, nora, clock):
    for _ in range(7):
        assert api.post(REQUEST, {"email": nora.email}).json() == SENT

    assert OutgoingMail.objects.filter(kind="accounts/reset_password").count() == 5


def test_whoever_keeps_asking_keeps_no_link_from_its_owner(api, nora, clock):
    for _ in range(3 * 12):
        passwords.request_reset(email=nora.email, at=timezone.now())
        clock.shift(300)

    assert OutgoingMail.objects.filter(kind="accounts/reset_password").count() == 15


@pytest.mark.parametrize("meanwhile", [{"email": "nora@elsewhere.example"}, {"status": "DELETED"}])
def test_a_link_is_looked_at_once_more_when_the_password_is_hashed(
    nora, link, monkeypatch, meanwhile
):
    def hash_slowly(password):
        User.objects.update(**meanwhile)
        return make_password(password)

    monkeypatch.setattr(passwords, "make_password", hash_slowly)

    with pytest.raises(passwords.ResetFailed):
        passwords.reset(token=link, password=NEW, at=timezone.now())

    assert User.objects.get().check_password(PASSWORD)
    assert EmailToken.objects.get().used_at is None


def test_a_suspended_account_is_not_reset(api, nora, link):
    suspension.suspend(user=nora, reason="abuse")

    assert api.post(CONFIRM, {"token": link, "password": NEW}).status_code == 400
    assert User.objects.get().check_password(PASSWORD)


def test_gives_up_a_change_of_address(api, api_as, nora, link):
    body = {"email": "mallory@example.com", "password": PASSWORD}
    assert api_as(nora).post("/api/v1/users/me/email", body).status_code == 202

    api.post(CONFIRM, {"token": link, "password": NEW})

    assert nora.email_changes.get().canceled_at is not None


def race_for_a_link(url, nora, mailed_token):
    passwords.request_reset(email=nora.email, at=timezone.now())
    token = mailed_token(nora.email, "reset_password")
    changes = AuditLog.objects.filter(event="user.password_changed")
    before = changes.count()
    requests = [race.post(CONFIRM, {"token": token, "password": f"{NEW} {n}"}) for n in range(16)]

    answers = race.run(url, requests)

    assert sorted(answer.status for answer in answers) == [204] + [400] * 15
    assert {answer.json()["code"] for answer in answers if answer.status == 400} == {
        "password_reset_failed"
    }
    winner = [answer.status for answer in answers].index(204)
    assert User.objects.get().check_password(f"{NEW} {winner}")
    assert changes.count() == before + 1


def test_exactly_one_of_sixteen_wins(transactional_db, live_server, nora, mailed_token):
    race_for_a_link(live_server.url, nora, mailed_token)


@pytest.mark.trial
def test_exactly_one_wins_twenty_times(
    transactional_db, live_server, nora, mailed_token, redis_client, settings
):
    for _ in range(20):
        # Each round is another hour.
        LoginGuard.objects.all().delete()
        servers.forget_redis_keys(redis_client, settings.REDIS_PREFIX)
        race_for_a_link(live_server.url, nora, mailed_token)


def test_a_sign_in_that_was_under_way_does_not_survive(nora, link):
    stale = User.objects.get()

    passwords.reset(token=link, password=NEW, at=timezone.now())

    with pytest.raises(sessions.InvalidCredentials):
        sessions.start(user=stale, at=timezone.now())


def test_keeps_only_the_digest_of_a_link(nora, link, tables_holding):
    assert tables_holding(nora.email) != []
    assert tables_holding(link) == []


def test_pages_lead_through_it(portal, nora, mailed_token):
    asked = portal.post("/password-reset/", {"email": nora.email}, follow=True)
    path = f"/reset-password/{mailed_token(nora.email, 'reset_password')}"
    opened = portal.get(path)
    weak = portal.post(path, {"password": "short"})
    done = portal.post(path, {"password": NEW}, follow=True)
    again = portal.post(path, {"password": NEW})

    assert "is on its way to it" in asked.content.decode()
    assert opened.status_code == 200
    assert weak.context["form"].has_error("password")
    assert done.redirect_chain == [("/login/", 302)]
    assert again.status_code == 400
    assert "no longer works" in again.content.decode()
    assert User.objects.get().check_password(NEW)


def test_the_page_looks_the_same_for_everybody(portal, nora):
    pages = [
        portal.post("/password-reset/", {"email": email}, follow=True).content.decode()
        for email in (nora.email, "nobody@example.com")
    ]

    masked = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages]
    assert masked[0] == masked[1]
