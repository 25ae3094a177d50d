"""The pages of passkeys: adding, naming, removing, and signing in with one. The script's part is played by the tests."""

import json

import pytest
from django.test import Client

from accounts.models import Passkey, RecoveryCode, Session
from tests.clients import grow_old
from tests.doubles.authenticator import PRESENT, Authenticator, enrolled
from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db

ADD = "/security/passkeys/add/"
OPTIONS = "/api/v1/auth/passkeys/options"
SIGN_IN = "/login/passkey/"
SECOND_FACTOR = "/login/code/passkey/"
HEADERS = {"Accept": "text/html"}


def _answer(browser, url, device, **lies):
    options = browser.post(
        url, "{}", "application/json", headers={"Accept": "application/json"}
    ).json()
    return json.dumps(device.sign(options, **lies))


def _messages(browser, response):
    page = browser.get(response["Location"])
    return [str(message) for message in page.context["messages"]]


@pytest.fixture
def device(olivia):
    """Return Olivia's device."""
    return enrolled(olivia)[0]


def _remove(passkey):
    return f"/security/passkeys/{passkey.pk}/remove/"


def _rename(passkey):
    return f"/security/passkeys/{passkey.pk}/rename/"


def test_the_security_page_lists_passkeys(portal_as, olivia, stan):
    enrolled(olivia, name="Work laptop")
    enrolled(stan, name="Stan's own")

    page = portal_as(olivia).get("/security/").content.decode()

    assert "Work laptop" in page
    assert "Stan&#x27;s own" not in page


def test_adding_the_first_shows_recovery_codes_once(portal_as, olivia):
    browser = portal_as(olivia)
    options = browser.post(OPTIONS, "{}", "application/json").json()

    page = browser.post(
        ADD, {"name": "Phone", "credential": json.dumps(Authenticator().create(options))}
    )

    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    assert len(page.context["codes"]) == 10
    assert RecoveryCode.objects.filter(user=olivia).count() == 10
    assert Passkey.objects.get().name == "Phone"
    assert page.context["codes"][0] not in str(dict(browser.session))


def test_adding_another_leads_back(portal_as, olivia, device):
    browser = portal_as(olivia)
    options = browser.post(OPTIONS, "{}", "application/json").json()

    response = browser.post(ADD, {"credential": json.dumps(Authenticator().create(options))})

    assert response["Location"] == "/security/"
    assert _messages(browser, response) == ["Passkey 2 can sign you in from now on."]


@pytest.mark.parametrize(
    "credential",
    ["", "x", "[]", "7", "[" * 5000, '{"id": "\\u0000"}', '{"id": "AAAA"}'],
    ids=["empty", "no-json", "list", "number", "deep", "nul", "hollow"],
)
def test_adding_refuses_what_is_no_answer(portal_as, olivia, credential):
    page = portal_as(olivia).post(ADD, {"name": "Phone", "credential": credential})

    assert page.status_code == 200
    assert page.context["form"].errors
    assert not Passkey.objects.exists()


def test_without_a_script_nothing_is_added_and_it_is_said_why(portal_as, olivia):
    page = portal_as(olivia).post(ADD, {"name": "Phone"})

    assert "Without JavaScript a page cannot ask it." in page.content.decode()
    assert not Passkey.objects.exists()


def test_renaming(portal_as, olivia):
    _, passkey = enrolled(olivia)

    response = portal_as(olivia).post(_rename(passkey), {"name": "Work laptop"})

    assert response["Location"] == "/security/"
    assert Passkey.objects.get().name == "Work laptop"


def test_removing_the_last_says_what_follows(portal_as, olivia):
    _, passkey = enrolled(olivia)
    browser = portal_as(olivia)

    asked = browser.get(_remove(passkey)).content.decode()
    response = browser.post(_remove(passkey))

    assert "This is your last second factor" in asked
    assert response["Location"] == "/security/"
    assert not Passkey.objects.exists()


def test_removing_one_of_two_warns_of_nothing(portal_as, olivia):
    _, passkey = enrolled(olivia)
    enrolled(olivia)

    assert "last second factor" not in portal_as(olivia).get(_remove(passkey)).content.decode()


def test_staff_is_refused_to_remove_the_last(portal_as, sam):
    _, passkey = enrolled(sam)

    page = portal_as(sam).post(_remove(passkey))

    assert page.status_code == 409
    assert "Add another one first" in page.content.decode()
    assert Passkey.objects.exists()


@pytest.mark.parametrize("page", [_rename, _remove], ids=["rename", "remove"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_passkey_of_somebody_else_is_not_there(portal_as, olivia, stan, page, method):
    _, passkey = enrolled(olivia)

    response = getattr(portal_as(stan), method)(page(passkey), {"name": "Mine"})

    assert response.status_code == 404
    assert Passkey.objects.get().name == "Laptop"


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_pages_ask_for_a_recent_proof(portal_as, olivia, method):
    _, passkey = enrolled(olivia)
    browser = portal_as(olivia)
    grow_old(olivia)

    asked = {
        path: getattr(browser, method)(path)["Location"]
        for path in (ADD, _rename(passkey), _remove(passkey))
    }

    assert asked == {
        path: f"/confirm/?next={path.replace('/', '%2F')}"
        for path in (ADD, _rename(passkey), _remove(passkey))
    }
    assert Passkey.objects.get().name == "Laptop"


def test_a_passkey_signs_in_alone(portal, olivia, device):
    credential = _answer(portal, "/api/v1/auth/passkeys/sign-in/options", device)

    response = portal.post(SIGN_IN, {"credential": credential, "next": "/keys/"})

    assert response["Location"] == "/keys/"
    assert portal.get("/profile/").status_code == 200
    session = Session.objects.get()
    assert (session.kind, session.method) == ("PORTAL", "PASSKEY")
    assert session.second_factor_at is not None


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"]
)
def test_signing_in_leads_to_our_own_pages_only(portal, device, wanted):
    credential = _answer(portal, "/api/v1/auth/passkeys/sign-in/options", device)

    response = portal.post(SIGN_IN, {"credential": credential, "next": wanted})

    assert response["Location"] == "/"


@pytest.mark.parametrize(
    "lies", [{"origin": "https://evil.example"}, {"flags": PRESENT}], ids=["origin", "holder"]
)
def test_a_refused_passkey_leads_back_to_the_other_ways(portal, device, lies):
    credential = _answer(portal, "/api/v1/auth/passkeys/sign-in/options", device, **lies)

    response = portal.post(SIGN_IN, {"credential": credential, "next": "/keys/"})

    assert response["Location"] == "/login/?next=%2Fkeys%2F"
    (told,) = _messages(portal, response)
    assert told.startswith("The passkey is not known here")
    assert not Session.objects.exists()


def test_without_an_answer_signing_in_says_so(portal, device):
    response = portal.post(SIGN_IN, {"credential": ""})

    assert response.status_code == 302
    assert "has not answered" in _messages(portal, response)[0]


def test_a_passkey_completes_a_sign_in(portal, olivia, device):
    response = portal.post("/login/", {"email": olivia.email, "password": PASSWORD})
    assert response["Location"].startswith("/login/code/")
    page = portal.get(response["Location"]).content.decode()
    credential = _answer(portal, f"{SECOND_FACTOR}options/", device, flags=PRESENT)

    response = portal.post(SECOND_FACTOR, {"credential": credential})

    assert f'action="{SECOND_FACTOR}"' in page
    assert response.status_code == 302
    assert portal.get("/profile/").status_code == 200
    assert Session.objects.get().method == "SECURITY_KEY"


def test_a_refused_second_factor_leads_back_to_it(portal, olivia, device):
    portal.post("/login/", {"email": olivia.email, "password": PASSWORD})
    credential = _answer(portal, f"{SECOND_FACTOR}options/", device, site="evil.example")

    response = portal.post(SECOND_FACTOR, {"credential": credential})

    assert response["Location"].startswith("/login/code/")
    assert not Session.objects.exists()


def test_a_second_factor_needs_a_sign_in_that_waits(portal, device):
    options = portal.post(f"{SECOND_FACTOR}options/", headers={"Accept": "application/json"})
    response = portal.post(SECOND_FACTOR, {"credential": "{}"})

    assert (options.status_code, options.json()["code"]) == (401, "sign_in_expired")
    assert response["Location"].startswith("/login/?")


@pytest.mark.parametrize(
    "path", [SIGN_IN, SECOND_FACTOR, f"{SECOND_FACTOR}options/", ADD, "/confirm/"]
)
def test_forms_need_their_csrf_token(olivia, path):
    browser = Client(enforce_csrf_checks=True, headers=HEADERS)
    browser.force_login(olivia)

    assert browser.post(path, {"credential": "{}"}).status_code == 403


def test_a_page_of_another_origin_cannot_ask_with_the_cookie(olivia):
    browser = Client(enforce_csrf_checks=True, headers=HEADERS)
    browser.force_login(olivia)

    response = browser.post(
        OPTIONS, "{}", "application/json", headers={"Accept": "application/json"}
    )

    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
