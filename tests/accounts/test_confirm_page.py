"""The page that asks who is signed in to prove it again: it comes back to where they were, and to nowhere else."""

import json

import pytest

from accounts.models import Session
from apikeys.models import ApiKey, Secret
from tests.clients import grow_old
from tests.doubles.authenticator import enrolled
from tests.factories.accounts import PASSWORD
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db

CONFIRM = "/confirm/"
CREATE = "/keys/create/"
OPTIONS = "/api/v1/auth/reauthenticate/options"


@pytest.fixture
def browser(portal_as, olivia):
    """Return a browser in which Olivia signed in ten minutes ago."""
    browser = portal_as(olivia)
    grow_old(olivia)
    return browser


def _by_password(browser, wanted=CREATE, password=PASSWORD):
    return browser.post(CONFIRM, {"by": "password", "password": password, "next": wanted})


def test_the_form_s_page_asks_first(browser):
    response = browser.get(f"{CREATE}?from=overview")

    assert (response.status_code, response["Location"]) == (
        302,
        "/confirm/?next=%2Fkeys%2Fcreate%2F%3Ffrom%3Doverview",
    )
    page = browser.get(response["Location"]).content.decode()
    assert '<input type="hidden" name="next" value="/keys/create/?from=overview">' in page
    assert "olivia@example.com" in page


def test_the_password_leads_back(browser):
    response = _by_password(browser)

    assert response["Location"] == CREATE
    assert browser.get(CREATE).status_code == 200


def test_a_form_sent_too_late_is_told_and_led_back(browser, olivia):
    response = browser.post(CREATE, {"name": "Checkout", "environment": "live"})

    assert response["Location"] == "/confirm/?next=%2Fkeys%2Fcreate%2F"
    page = browser.get(response["Location"])
    (told,) = [str(message) for message in page.context["messages"]]
    assert "nothing was changed" in told
    assert not ApiKey.objects.exists()


def test_rotating_asks_too(browser, organization):
    key = ApiKeyFactory.create(organization=organization)
    before = Secret.objects.count()

    response = browser.post(f"/keys/{key.pk}/rotate/", {"overlap_seconds": "0"})

    assert response["Location"] == f"/confirm/?next=%2Fkeys%2F{key.pk}%2Frotate%2F"
    assert Secret.objects.count() == before


def test_whoever_proved_it_a_moment_ago_is_not_asked(portal_as, olivia):
    response = portal_as(olivia).get(f"{CONFIRM}?next={CREATE}")

    assert response["Location"] == CREATE


@pytest.mark.parametrize(
    "wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "\\\\evil", ""]
)
def test_it_leads_to_our_own_pages_only(browser, wanted):
    assert _by_password(browser, wanted)["Location"] == "/"
    assert browser.get(CONFIRM, {"next": wanted})["Location"] == "/"


def test_a_wrong_password_is_shown_at_its_field(browser):
    page = _by_password(browser, password="wrong")

    assert page.status_code == 200
    assert page.context["password_form"].errors["password"] == [
        "This is not your password. Type the password that you sign in with, or reset it."
    ]
    assert browser.get(CREATE).status_code == 302


def test_guessing_pauses_with_429(clock, browser):
    for _ in range(5):
        _by_password(browser, password="wrong")

    page = _by_password(browser)

    assert (page.status_code, page["Retry-After"]) == (429, "60")
    assert "paused" in page.content.decode()
    assert browser.get(CREATE).status_code == 302


def test_only_the_ways_that_there_are_are_offered(browser, portal_as, stan):
    enrolled(stan)
    other = portal_as(stan)
    grow_old(stan)

    first, second = (one.get(CONFIRM).context for one in (browser, other))

    assert "password_form" in first
    assert "code_form" not in first
    assert "passkey_form" not in first
    assert all(name in second for name in ("password_form", "code_form", "passkey_form"))


def test_a_way_that_there_is_not_proves_nothing(browser):
    page = browser.post(CONFIRM, {"by": "code", "code": "123456", "next": CREATE})

    assert page.status_code == 200
    assert browser.get(CREATE).status_code == 302


def test_a_passkey_leads_back(portal_as, olivia):
    device, _ = enrolled(olivia)
    browser = portal_as(olivia)
    grow_old(olivia)
    options = browser.post(OPTIONS, "{}", "application/json").json()

    response = browser.post(
        CONFIRM,
        {"by": "passkey", "credential": json.dumps(device.sign(options)), "next": CREATE},
    )

    assert response["Location"] == CREATE
    assert browser.get(CREATE).status_code == 200
    assert Session.objects.get(ended_at=None).second_factor_at is not None


def test_a_refused_passkey_is_shown(portal_as, olivia):
    device, _ = enrolled(olivia)
    browser = portal_as(olivia)
    grow_old(olivia)
    options = browser.post(OPTIONS, "{}", "application/json").json()
    credential = json.dumps(device.sign(options, origin="https://evil.example"))

    page = browser.post(CONFIRM, {"by": "passkey", "credential": credential, "next": CREATE})

    assert page.status_code == 200
    assert "The passkey is not known here" in page.content.decode()


def test_nobody_is_asked_to_sign_in(portal):
    assert portal.get(CONFIRM)["Location"] == "/login/?next=/confirm/"
