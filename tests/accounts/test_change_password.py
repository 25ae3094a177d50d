"""POST /api/v1/users/me/password: the session that asks lives on, everything else that the old password opened ends."""

import pytest
from django.contrib.auth.hashers import make_password
from django.utils import timezone

from accounts.models import LoginGuard, Session, User
from accounts.services import passwords, sessions
from audit.models import AuditLog
from config.common.models import OutgoingMail
from tests.factories.accounts import PASSWORD

URL = "/api/v1/users/me/password"
PAGE = "/profile/password/"
NEW = "another four unrelated words"
BODY = {"current_password": PASSWORD, "new_password": NEW}


def test_changes_the_password(api_as, olivia):
    response = api_as(olivia).post(URL, BODY)

    assert response.status_code == 200
    assert set(response.json()) == {"access", "expires_in"}
    assert User.objects.get(pk=olivia.pk).check_password(NEW)
    assert AuditLog.objects.get(event="user.password_changed").actor_id == olivia.pk
    assert OutgoingMail.objects.get(kind="accounts/password_changed").recipient == olivia.email


def test_this_session_goes_on_and_all_others_end(api, api_as, portal_as, olivia, sign_in):
    other, browser = api_as(olivia), portal_as(olivia)
    pair = sign_in(olivia)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {pair['access']}")

    fresh = api.post(URL, BODY).json()["access"]

    assert api.get("/api/v1/users/me").status_code == 401
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {fresh}")
    assert api.get("/api/v1/users/me").status_code == 200
    api.credentials()
    refreshed = api.post("/api/v1/auth/refresh", {"refresh": pair["refresh"]})
    assert refreshed.status_code == 200
    assert other.get("/api/v1/users/me").status_code == 401
    assert browser.get("/profile/").status_code == 302
    assert Session.objects.filter(ended_at=None).count() == 1


def test_a_cookie_goes_on_too(portal_as, olivia):
    browser = portal_as(olivia)

    response = browser.post(URL, BODY, content_type="application/json")

    assert response.json() == {"access": None, "expires_in": None}
    assert browser.get("/profile/").status_code == 200


@pytest.mark.parametrize("way", ["a reset", "the end of the session"])
def test_what_the_old_password_began_does_not_survive(
    api_as, olivia, mailed_token, monkeypatch, way
):
    """A thief who knows the old password changes it while its owner shuts them out."""
    thief, now = api_as(olivia), timezone.now()
    passwords.request_reset(email=olivia.email, at=now)
    token = mailed_token(olivia.email, "reset_password")

    def hash_slowly(password):
        monkeypatch.setattr(passwords, "make_password", make_password)
        if way == "a reset":
            passwords.reset(token=token, password="what the owner sets now", at=now)
        else:
            sessions.end_others(user=olivia, keep=None)
        return make_password(password)

    monkeypatch.setattr(passwords, "make_password", hash_slowly)
    response = thief.post(URL, BODY)

    assert (response.status_code, response.json()["code"]) == (401, "unauthenticated")
    olivia.refresh_from_db()
    kept = "what the owner sets now" if way == "a reset" else PASSWORD
    assert olivia.check_password(kept)
    assert not Session.objects.filter(ended_at=None).exists()


def test_a_wrong_password_changes_nothing_and_counts(api_as, olivia):
    client = api_as(olivia)

    response = client.post(URL, BODY | {"current_password": "wrong"})

    assert (response.status_code, response.json()["code"]) == (400, "wrong_password")
    assert [error["pointer"] for error in response.json()["errors"]] == ["#/current_password"]
    assert User.objects.get(pk=olivia.pk).check_password(PASSWORD)
    assert client.get("/api/v1/users/me").status_code == 200
    assert LoginGuard.objects.exists()
    assert AuditLog.objects.filter(event="session.login_failed").count() == 1


def test_guessing_pauses(api_as, olivia):
    client = api_as(olivia)
    statuses = [
        client.post(URL, BODY | {"current_password": f"wrong {n}"}).status_code for n in range(6)
    ]

    assert statuses[:5] == [400] * 5
    assert statuses[5] == 429


@pytest.mark.parametrize(
    "password",
    ["short", "password1234", "PASSWORD1234", "Olivia Owner", "x" * 257],
    ids=["short", "common", "common in capitals", "own name", "endless"],
)
def test_refuses_a_weak_one(api_as, olivia, password):
    response = api_as(olivia).post(URL, BODY | {"new_password": password})

    assert response.status_code == 400
    assert {error["pointer"] for error in response.json()["errors"]} == {"#/new_password"}
    assert User.objects.get(pk=olivia.pk).check_password(PASSWORD)
    assert Session.objects.get().ended_at is None


def test_the_page_changes_it(portal_as, olivia):
    here, elsewhere = portal_as(olivia), portal_as(olivia)
    before = here.cookies["tollgate_session"].value

    response = here.post(PAGE, BODY, follow=True)

    assert "Your password is changed" in response.content.decode()
    assert here.cookies["tollgate_session"].value != before
    assert elsewhere.get(PAGE).status_code == 302
    assert User.objects.get(pk=olivia.pk).check_password(NEW)


def test_the_page_says_what_is_wrong(portal_as, olivia):
    client = portal_as(olivia)

    wrong = client.post(PAGE, BODY | {"current_password": "wrong"})
    weak = client.post(PAGE, BODY | {"new_password": "short"})

    assert wrong.context["form"].has_error("current_password")
    assert weak.context["form"].has_error("new_password")
    assert User.objects.get(pk=olivia.pk).check_password(PASSWORD)
