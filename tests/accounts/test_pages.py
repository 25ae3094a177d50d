"""The pages: register, sign in and out, verify the address, the profile; and what ends a cookie."""

import re

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import EmailToken, Session, User
from accounts.services import registration, sessions, suspension
from audit.models import AuditLog
from config.common.models import OutgoingMail
from tests.factories.accounts import PASSWORD, UserFactory

PROFILE = "/profile/"
NORA = {
    "email": "nora@example.com",
    "password": "four unrelated quiet words",
    "full_name": "Nora Newcomer",
}


def _signed_in(client):
    return client.get("/login/").status_code == 302


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("register", "/register/"),
        ("login", "/login/"),
        ("logout", "/logout/"),
        ("verify-email-resend", "/verify-email-resend/"),
        ("profile", "/profile/"),
    ],
)
def test_pages_have_their_names(name, path):
    assert reverse(f"accounts:{name}") == path


def test_the_mailed_link_has_no_trailing_slash():
    assert reverse("accounts:verify-email", args=["a" * 43]) == f"/verify-email/{'a' * 43}"


@pytest.mark.parametrize("path", ["/register/", "/login/", "/verify-email-resend/"])
def test_pages_can_be_read_without_signing_in(portal, path, django_assert_num_queries):
    with django_assert_num_queries(0):
        response = portal.get(path)

    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert 'name="csrfmiddlewaretoken"' in response.content.decode()


def test_registering_opens_an_account(portal):
    response = portal.post("/register/", NORA)

    assert response.status_code == 200
    assert "nora@example.com" in response.content.decode()
    assert User.objects.get().full_name == "Nora Newcomer"
    assert OutgoingMail.objects.get().kind == "accounts/verify_email"


def test_registering_looks_the_same_for_a_known_address(portal, olivia):
    unknown = portal.post("/register/", NORA).content.decode()
    known = portal.post("/register/", NORA | {"email": olivia.email}).content.decode()

    assert known.replace(olivia.email, NORA["email"]) == unknown


def test_registering_shows_what_is_wrong_with_a_password(portal):
    response = portal.post("/register/", NORA | {"password": "short"})

    assert "This password is too short" in response.content.decode()
    assert response.context["form"].has_error("password")
    assert not User.objects.exists()


def test_registering_refuses_links_in_names(portal):
    response = portal.post("/register/", NORA | {"full_name": "http://evil.example"})

    assert response.context["form"].has_error("full_name")
    assert not User.objects.exists()


def test_signing_in_opens_a_session(portal, olivia):
    response = portal.post("/login/", {"email": olivia.email, "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/")
    session = Session.objects.get()
    assert (session.kind, session.user_id, session.ended_at) == ("PORTAL", olivia.pk, None)
    assert _signed_in(portal)
    olivia.refresh_from_db()
    assert olivia.login_count == 1


def test_signing_in_changes_the_cookie(portal, olivia):
    portal.session.save()
    portal.cookies["tollgate_session"] = portal.session.session_key
    before = portal.cookies["tollgate_session"].value

    portal.post("/login/", {"email": olivia.email, "password": PASSWORD})

    cookie = portal.cookies["tollgate_session"]
    assert cookie.value != before
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


def test_signing_in_refuses_a_wrong_password(portal, olivia):
    response = portal.post("/login/", {"email": olivia.email, "password": "wrong"})

    assert response.status_code == 200
    assert "do not belong together" in response.content.decode()
    assert not Session.objects.exists()
    assert not _signed_in(portal)


def test_signing_in_pauses_with_429(portal, olivia, clock):
    for _ in range(5):
        portal.post("/login/", {"email": olivia.email, "password": "wrong"})

    response = portal.post("/login/", {"email": olivia.email, "password": PASSWORD})

    assert (response.status_code, response["Retry-After"]) == (429, "60")
    assert (
        "Sign-in is paused after too many failures. Try again in 1 minute."
        in response.content.decode()
    )
    assert not Session.objects.exists()


@pytest.mark.parametrize(
    ("wanted", "location"),
    [
        ("/keys/", "/keys/"),
        ("/keys/?page=2", "/keys/?page=2"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("\\\\evil.example", "/"),
        ("", "/"),
    ],
)
def test_signing_in_leads_to_our_own_pages_only(portal, olivia, wanted, location):
    body = {"email": olivia.email, "password": PASSWORD, "next": wanted}

    assert portal.post("/login/", body)["Location"] == location


def test_a_page_for_members_leads_to_the_sign_in_and_back(portal, olivia):
    response = portal.get(PROFILE)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/profile/")

    page = portal.get(response["Location"])
    assert '<input type="hidden" name="next" value="/profile/">' in page.content.decode()


@pytest.mark.parametrize(
    ("came_from", "leads_to"),
    [
        ("http://testserver/security/?a=1", "/security/%3Fa%3D1"),
        ("http://evil.example/security/", "/security/sessions/end-others/"),
        ("", "/security/sessions/end-others/"),
    ],
)
def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(
    portal_as, olivia, came_from, leads_to
):
    browser, other = portal_as(olivia), portal_as(olivia)
    other.post("/security/sessions/end-others/")
    headers = {"Referer": came_from} if came_from else {}

    answer = browser.post("/security/sessions/end-others/", headers=headers)
    polled = browser.post("/live/ticket/", headers={"Accept": "application/json"})
    page = browser.get(answer["Location"])

    assert answer.status_code == 302
    assert answer["Location"] == f"/login/?next={leads_to}"
    assert polled.status_code == 302
    assert page.content.decode().count("nothing was changed. Sign in, then send the form") == 1
    assert other.get("/profile/").status_code == 200


def test_whoever_is_signed_in_needs_no_sign_in(portal_as, olivia):
    client = portal_as(olivia)

    assert client.get("/login/")["Location"] == "/"
    assert client.get("/register/")["Location"] == "/"


@pytest.mark.parametrize(
    "path", ["/register/", "/login/", "/logout/", "/verify-email-resend/", PROFILE]
)
def test_forms_need_their_csrf_token(olivia, path):
    client = Client(enforce_csrf_checks=True, headers={"Accept": "text/html"})
    client.force_login(olivia)

    response = client.post(path, NORA)

    assert response.status_code == 403
    assert User.objects.count() == 1
    assert Session.objects.get().ended_at is None


def test_signing_out_ends_the_session(portal_as, olivia):
    client = portal_as(olivia)
    stolen = client.cookies["tollgate_session"].value

    response = client.post("/logout/")

    assert (response.status_code, response["Location"]) == (302, "/login/")
    assert Session.objects.get().ended_reason == "logged_out"
    thief = Client()
    thief.cookies["tollgate_session"] = stolen
    assert not _signed_in(thief)


@pytest.mark.parametrize(
    ("wanted", "then"),
    [
        ("/invitations/abc/", "/invitations/abc/"),
        ("https://evil.example/", "/login/"),
        ("//evil.example/", "/login/"),
    ],
)
def test_signing_out_goes_on_at_a_page_of_ours_only(portal_as, olivia, wanted, then):
    assert portal_as(olivia).post("/logout/", {"next": wanted})["Location"] == then


def test_signing_out_takes_a_post(portal_as, olivia):
    client = portal_as(olivia)

    assert client.get("/logout/").status_code == 405
    assert _signed_in(client)


def test_signing_in_again_replaces_the_session(portal_as, olivia):
    client = portal_as(olivia)
    client.force_login(olivia)

    assert list(Session.objects.order_by("id").values_list("ended_reason", flat=True)) == [
        "replaced",
        "",
    ]


@pytest.mark.parametrize(
    "end",
    [
        lambda user: sessions.end(user=user, session_id=Session.objects.get().pk),
        lambda user: sessions.end_all(user=user, reason="password_changed"),
        lambda user: suspension.suspend(user=user, reason="abuse"),
        lambda user: Session.objects.update(expires_at="2020-01-01T00:00:00Z"),
        lambda user: User.objects.update(session_version=7),
        lambda user: User.objects.update(status="DELETED"),
    ],
)
def test_ending_the_session_ends_the_cookie(portal_as, olivia, end):
    client = portal_as(olivia)
    assert _signed_in(client)

    end(olivia)

    response = client.get(PROFILE)
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/profile/")
    assert client.cookies["tollgate_session"].value == ""


def test_a_cookie_without_a_session_row_is_nothing(portal_as, olivia):
    client = portal_as(olivia)
    Session.objects.all().delete()

    assert not _signed_in(client)


def test_whoever_is_signed_in_costs_two_queries(portal_as, olivia, django_assert_num_queries):
    client = portal_as(olivia)

    with django_assert_num_queries(2):  # the cookie, and the session with its person
        assert client.get("/login/").status_code == 302


@pytest.fixture
def nora_link(db, mailed_token):
    """Return the path of the link that was mailed to Nora."""
    registration.register(**NORA)
    return f"/verify-email/{mailed_token('nora@example.com')}"


@pytest.mark.parametrize("ending", ["", "/"])
def test_opening_the_mailed_link_does_not_use_it(
    portal, nora_link, ending, django_assert_num_queries
):
    with django_assert_num_queries(0):
        response = portal.get(nora_link + ending)

    assert response.status_code == 200
    assert '<form class="form" method="post">' in response.content.decode()
    assert portal.head(nora_link).status_code == 200
    assert EmailToken.objects.get().used_at is None


def test_pressing_the_button_verifies(portal, nora_link):
    response = portal.post(nora_link)

    assert response.status_code == 200
    assert User.objects.get().is_verified_email


def test_a_used_link_says_so(portal, nora_link):
    portal.post(nora_link)

    response = portal.post(nora_link)

    assert response.status_code == 400
    assert "The link was used before" in response.content.decode()


def test_asking_for_another_link(portal, nora_link):
    response = portal.post("/verify-email-resend/", {"email": "nora@example.com"}, follow=True)

    assert "a new link is on its way" in response.content.decode()
    assert EmailToken.objects.count() == 2


def test_asking_for_another_link_looks_the_same_for_everybody(portal, nora_link):
    pages = [
        portal.post("/verify-email-resend/", {"email": email}, follow=True).content.decode()
        for email in ("nora@example.com", "nobody@example.com")
    ]

    masked = [re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page) for page in pages]
    assert masked[0] == masked[1]


def test_the_address_of_whoever_is_signed_in_is_filled_in(portal_as, db):
    nora = UserFactory.create(email="nora@example.com", email_verified_at=None)

    page = portal_as(nora).get("/verify-email-resend/").content.decode()

    assert 'value="nora@example.com"' in page


def test_forms_have_a_pace(portal, db):
    statuses = [portal.post("/verify-email-resend/", {}).status_code for _ in range(21)]

    assert statuses == [200] * 20 + [429]
    assert int(portal.post("/verify-email-resend/", {})["Retry-After"]) in range(1, 61)


def test_saving_the_profile(portal_as, olivia):
    client = portal_as(olivia)

    response = client.post(PROFILE, {"full_name": "Olivia O.", "time_zone": "Asia/Tokyo"})

    assert (response.status_code, response["Location"]) == (302, PROFILE)
    olivia.refresh_from_db()
    assert (olivia.full_name, olivia.time_zone) == ("Olivia O.", "Asia/Tokyo")
    assert AuditLog.objects.get(event="user.updated").actor_id == olivia.pk


def test_refusing_a_profile_changes_nothing(portal_as, olivia):
    client = portal_as(olivia)

    response = client.post(
        PROFILE, {"full_name": "x", "time_zone": "Mars/Base", "role": "SUPER_ADMIN"}
    )

    assert response.status_code == 200
    assert response.context["form"].has_error("time_zone")
    olivia.refresh_from_db()
    assert (olivia.full_name, olivia.role) == ("Olivia Owner", "USER")


def test_a_rejected_name_is_not_shown_as_the_persons_own(portal_as, olivia):
    page = portal_as(olivia).post(PROFILE, {"full_name": "a/b", "time_zone": "UTC"})

    assert page.context["user"].full_name == "Olivia Owner"


def test_times_are_shown_in_the_persons_own_zone(portal_as, olivia, clock):
    User.objects.filter(pk=olivia.pk).update(time_zone="Asia/Tokyo")
    client = portal_as(olivia)

    page = client.get(PROFILE).content.decode()

    assert 'title="02 Mar 2026, 18:00:00 JST"' in page
    assert timezone.get_current_timezone_name() == "UTC"


def test_the_api_speaks_utc_to_the_cookie_too(portal_as, olivia, clock):
    User.objects.filter(pk=olivia.pk).update(time_zone="Asia/Tokyo")

    me = portal_as(olivia).get("/api/v1/users/me").json()

    assert me["last_login_at"] == "2026-03-02T09:00:00Z"
