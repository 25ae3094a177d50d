"""The back office's door: staff only, with a second factor given in that session; there is one sign-in for everybody."""

import pytest
from django.contrib import admin
from django.contrib.auth import authenticate
from django.urls import reverse
from django.utils import timezone

from accounts.models import PlatformRole, Session
from config.common.errors import TooManyRequests
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factors import App, enroll

INDEX = "/admin/"


def _addresses():
    """Every page of the back office that needs no row."""
    named = ["index", "password_change", "password_change_done", "autocomplete", "jsi18n"]
    lists = [
        f"{model._meta.app_label}_{model._meta.model_name}_{page}"
        for model in admin.site._registry
        for page in ("changelist", "add")
    ]
    return [reverse(f"admin:{name}") for name in [*named, *lists]]


def _one_factor(client, person):
    client.force_login(person)
    return client


def test_nobody_is_led_to_the_portals_sign_in_and_back(portal):
    door = portal.get("/admin/accounts/user/?role=USER")
    assert door["Location"] == "/admin/login/?next=/admin/accounts/user/%3Frole%3DUSER"

    sign_in = portal.get(door["Location"])

    assert sign_in["Location"] == "/login/?next=/admin/accounts/user/%3Frole%3DUSER"


def test_the_back_office_has_no_sign_in_of_its_own(portal, sam):
    response = portal.post("/admin/login/", {"username": sam.email, "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/login/?next=/admin/")
    assert not Session.objects.exists()


def test_a_password_alone_opens_no_page_of_it(portal, sam):
    enroll(sam)
    client = _one_factor(portal, sam)

    answers = {path: client.get(path) for path in _addresses()}

    assert len(answers) > 40
    assert {answer.status_code for answer in answers.values()} == {302}
    assert all(answer["Location"].startswith("/admin/login/") for answer in answers.values())


def test_a_password_alone_changes_nothing(portal, sam, olivia):
    client = _one_factor(portal, sam)
    body = {"action": "suspend", "_selected_action": [olivia.pk], "reason": "x"}

    response = client.post("/admin/accounts/user/", body)

    assert response["Location"].startswith("/admin/login/")
    olivia.refresh_from_db()
    assert olivia.status == "ACTIVE"


def test_staff_without_a_factor_is_led_to_set_one_up_and_back(portal, sam, clock):
    client = _one_factor(portal, sam)
    setup = client.get("/admin/login/?next=/admin/accounts/user/")
    assert setup["Location"] == "/security/two-factor/?next=%2Fadmin%2Faccounts%2Fuser%2F"

    begun = client.post(setup["Location"], {"next": "/admin/accounts/user/"})
    page = client.get(begun["Location"])
    app = App.of(page.context["enrolment"].secret)
    codes = client.post(begun["Location"], {"code": app.code(), "next": "/admin/accounts/user/"})

    assert codes.context["next"] == "/admin/accounts/user/"
    assert client.get("/admin/accounts/user/").status_code == 200


def test_staff_whose_session_lacks_the_factor_gives_it_and_goes_on(portal, sam, clock):
    app = enroll(sam)
    client = _one_factor(portal, sam)
    door = client.get("/admin/login/?next=/admin/accounts/user/")
    assert door["Location"] == "/security/two-factor/confirm/?next=%2Fadmin%2Faccounts%2Fuser%2F"

    assert client.post(door["Location"], {"code": app.wrong_code()}).status_code == 200
    assert client.get("/admin/accounts/user/").status_code == 302
    body = {"code": app.code(), "next": "/admin/accounts/user/"}
    assert client.post(door["Location"], body)["Location"] == "/admin/accounts/user/"

    assert client.get("/admin/accounts/user/").status_code == 200


def test_staff_who_signs_in_with_both_factors_enters_at_once(portal, sam, clock):
    app = enroll(sam)
    body = {"email": sam.email, "password": PASSWORD}
    code_page = portal.post("/login/?next=/admin/", body)["Location"]

    entered = portal.post(code_page, {"code": app.code(), "next": "/admin/"})

    assert entered["Location"] == "/admin/"
    assert portal.get(INDEX).status_code == 200
    assert portal.get("/admin/login/")["Location"] == "/admin/"


def test_the_factor_of_one_session_opens_no_other(portal, portal_as, sam):
    enroll(sam)
    assert portal_as(sam).get(INDEX).status_code == 200
    client = _one_factor(portal, sam)

    assert client.get(INDEX).status_code == 302


def test_staff_that_is_no_more_is_put_out(portal_as, sam):
    client = portal_as(sam)
    assert client.get(INDEX).status_code == 200

    type(sam).objects.filter(pk=sam.pk).update(role=PlatformRole.USER)

    assert client.get(INDEX).status_code == 302
    assert client.get("/admin/login/").status_code == 403


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_nobody_else_is_let_in_with_both_factors(portal_as, olivia, who):
    person = olivia if who == "owner" else UserFactory.create(role=PlatformRole.VIEWER)
    client = portal_as(person)
    person.sessions.update(second_factor_at=timezone.now())

    door = client.get(INDEX)

    assert door["Location"] == "/admin/login/?next=/admin/"
    assert client.get(door["Location"]).status_code == 403


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "/admin/login/", ""])
def test_the_door_leads_to_our_own_pages_only(portal_as, sam, wanted):
    response = portal_as(sam).get("/admin/login/", {"next": wanted})

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_signing_out_of_it_signs_out(portal_as, sam):
    client = portal_as(sam)

    assert client.post("/admin/logout/")["Location"] == "/login/"

    assert client.get(INDEX).status_code == 302
    assert not Session.objects.filter(ended_at=None).exists()


def test_djangos_own_check_of_passwords_is_guarded_too(sam, clock):
    for _ in range(5):
        assert authenticate(None, username=sam.email, password="wrong") is None

    with pytest.raises(TooManyRequests):
        authenticate(None, username=sam.email, password=PASSWORD)


def test_djangos_own_check_of_passwords_lets_nobody_in_who_has_a_second_factor(sam):
    assert authenticate(None, username=sam.email, password=PASSWORD) == sam
    enroll(sam)

    assert authenticate(None, username=sam.email, password=PASSWORD) is None


def test_passwords_are_changed_in_the_portal_only(portal_as, sam):
    before = sam.password
    office = portal_as(sam)
    body = {
        "old_password": PASSWORD,
        "new_password1": "a-quite-new-1",
        "new_password2": "a-quite-new-1",
    }

    for answer in (
        office.get("/admin/password_change/"),
        office.post("/admin/password_change/", body),
    ):
        assert (answer.status_code, answer["Location"]) == (302, "/profile/password/")

    sam.refresh_from_db()
    assert sam.password == before


def test_our_own_apps_are_listed_first(portal_as, sam):
    listed = [app["app_label"] for app in portal_as(sam).get(INDEX).context["app_list"]]

    assert listed.index("djstripe") > listed.index("webhooks")
    assert listed.index("djstripe") > listed.index("common")


def test_times_in_the_back_office_say_their_zone(portal_as, sam):
    page = portal_as(sam).get(reverse("admin:accounts_user_change", args=[sam.pk]))

    assert f"{sam.created_at:%b %Y, %H:%M} UTC" in page.content.decode()


def test_everything_to_click_or_type_into_on_a_list_has_a_name(portal_as, sam):
    page = portal_as(sam).get("/admin/accounts/session/").content.decode()

    assert 'aria-label="Search"' in page
    assert '<a href="?ended_reason=">None</a>' in " ".join(page.split()).replace(
        "> None <", ">None<"
    )
