"""POST /api/v1/auth/refresh exchanges a refresh token once; a replayed one ends the whole session."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Session, User
from accounts.services import sessions
from audit.models import AuditLog, SecurityEvent
from config.common.models import OutgoingMail
from tests import race

URL = "/api/v1/auth/refresh"
ME = "/api/v1/users/me"


def _refresh(api, token):
    return api.post(URL, {"refresh": token})


def _me(api, access):
    return api.get(ME, HTTP_AUTHORIZATION=f"Bearer {access}").status_code


def test_answers_a_new_pair(api, olivia, sign_in, clock):
    old = sign_in(olivia)
    clock.shift(60)

    response = _refresh(api, old["refresh"])

    assert response.status_code == 200
    new = response.json()
    assert set(new) == {"access", "refresh", "expires_in"}
    assert new["expires_in"] == 600
    assert new["refresh"] != old["refresh"]
    assert _me(api, new["access"]) == 200


def test_prolongs_the_session(api, olivia, sign_in, clock):
    pair = sign_in(olivia)
    for _ in range(3):
        clock.shift(13 * 24 * 3600)
        pair = _refresh(api, pair["refresh"]).json()

    session = Session.objects.get()
    assert (session.expires_at - timezone.now()).days == 14


def test_ends_after_fourteen_idle_days(api, olivia, sign_in, clock):
    pair = sign_in(olivia)
    clock.shift(14 * 24 * 3600)

    response = _refresh(api, pair["refresh"])

    assert (response.status_code, response.json()["code"]) == (401, "invalid_refresh_token")


def test_ends_ninety_days_after_it_began_however_often_it_is_renewed(api, olivia, sign_in, clock):
    refresh = sign_in(olivia)["refresh"]
    for _ in range(8):
        clock.shift(timedelta(days=11))
        refresh = _refresh(api, refresh).json()["refresh"]

    clock.shift(timedelta(days=2) - timedelta(seconds=1))
    last = _refresh(api, refresh)
    clock.shift(1)

    assert last.status_code == 200
    assert _refresh(api, last.json()["refresh"]).status_code == 401


def test_a_replay_ends_the_family(api, olivia, sign_in, clock):
    pairs = [sign_in(olivia)]
    for _ in range(5):
        clock.shift(1)
        pairs.append(_refresh(api, pairs[-1]["refresh"]).json())
    clock.shift(1)

    replayed = _refresh(api, pairs[1]["refresh"])

    assert (replayed.status_code, replayed.json()["code"]) == (401, "invalid_refresh_token")
    assert _refresh(api, pairs[-1]["refresh"]).status_code == 401
    assert _me(api, pairs[-1]["access"]) == 401
    session = Session.objects.get()
    assert session.ended_reason == "token_reused"


def test_a_replay_at_once_ends_the_family(api, olivia, sign_in, clock):
    first = sign_in(olivia)
    second = _refresh(api, first["refresh"]).json()

    assert _refresh(api, first["refresh"]).status_code == 401
    assert _refresh(api, second["refresh"]).status_code == 401


def test_a_replay_is_told_to_the_owner_and_the_log(api, olivia, sign_in, clock):
    first = sign_in(olivia)
    _refresh(api, first["refresh"])
    _refresh(api, first["refresh"])
    _refresh(api, first["refresh"])

    event = SecurityEvent.objects.get()
    assert (event.name, event.severity, event.user_id) == (
        "authn_token_reuse",
        "CRITICAL",
        olivia.pk,
    )
    mail = OutgoingMail.objects.get()
    assert (mail.kind, mail.recipient) == ("accounts/session_reuse", olivia.email)
    assert AuditLog.objects.filter(event="session.token_reused").count() == 1


def test_a_replay_leaves_other_sessions_alone(api, olivia, sign_in, clock):
    other, first = sign_in(olivia), sign_in(olivia)
    _refresh(api, first["refresh"])
    _refresh(api, first["refresh"])

    assert _refresh(api, other["refresh"]).status_code == 200


def test_exactly_one_of_sixteen_wins(transactional_db, live_server, olivia):
    pair = sessions.start(user=olivia, at=timezone.now())

    answers = race.run(live_server.url, [race.post(URL, {"refresh": pair.refresh})] * 16)

    assert sorted(answer.status for answer in answers) == [200] + [401] * 15
    winner = next(answer.json() for answer in answers if answer.status == 200)
    # Losing a race is no theft: the session goes on with the winner's pair.
    assert Session.objects.get().ended_at is None
    assert sessions.refresh(token=winner["refresh"], at=timezone.now()).user == olivia
    assert not SecurityEvent.objects.exists()


def test_exactly_one_of_sixteen_threads_wins(transactional_db, olivia):
    token = sessions.start(user=olivia, at=timezone.now()).refresh
    for _ in range(5):
        now = timezone.now()

        def exchange(_, token=token, at=now):
            return sessions.refresh(token=token, at=at)

        outcomes = race.together(16, exchange)

        (winner,) = [outcome for outcome in outcomes if isinstance(outcome, sessions.TokenPair)]
        losers = [outcome for outcome in outcomes if outcome is not winner]
        assert {type(loser) for loser in losers} == {sessions.InvalidRefreshToken}
        token = winner.refresh

    assert Session.objects.get().ended_at is None


@pytest.mark.parametrize(
    ("seconds", "reason"), [(-1, ""), (0, "token_reused"), (1, "token_reused")]
)
def test_a_request_came_when_the_server_says(api, olivia, sign_in, clock, seconds, reason):
    first = sign_in(olivia)
    _refresh(api, first["refresh"])
    came = timezone.now().timestamp() + seconds
    clock.shift(5)

    # A request that waited for a free thread while another one won did not come after it.
    response = api.post(
        URL, {"refresh": first["refresh"]}, **{"asgi.scope": {"tollgate.arrived_at": came}}
    )

    assert response.status_code == 401
    assert Session.objects.get().ended_reason == reason


def test_a_suspended_person_is_refused(api, olivia, sign_in):
    pair = sign_in(olivia)
    User.objects.filter(pk=olivia.pk).update(status="SUSPENDED")

    assert _refresh(api, pair["refresh"]).status_code == 401


@pytest.mark.parametrize(
    ("token", "status"), [("", 400), ("x", 401), ("a.b.c", 401), ("é.é.é", 401)]
)
def test_refuses_what_is_no_token(api, db, token, status):
    assert _refresh(api, token).status_code == status


def test_refuses_an_access_token(api, olivia, sign_in):
    pair = sign_in(olivia)

    assert _refresh(api, pair["access"]).status_code == 401
    assert Session.objects.get().ended_at is None
