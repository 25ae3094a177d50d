"""The pages of the second factor and of where one is signed in. All of them work without a script."""

from urllib.parse import unquote

import pytest
from django.utils import timezone

from accounts.models import Device, Session, TotpDevice
from accounts.services import devices, factors, recovery_codes, sessions
from tests.factories.accounts import PASSWORD
from tests.factors import App, enroll

SECURITY = "/security/"
SET_UP = "/security/two-factor/"
OFF = "/security/two-factor/off/"
CODES = "/security/recovery-codes/"
CODE_PAGE = "/login/code/"


@pytest.fixture
def browser(portal_as, olivia, clock):
    """Return a browser in which Olivia is signed in."""
    return portal_as(olivia)


@pytest.fixture
def waiting(portal, olivia, clock):
    """Return a browser in which Olivia has given her password, and her app."""
    app = enroll(olivia)
    response = portal.post(
        "/login/?next=/keys/", {"email": olivia.email, "password": PASSWORD, "next": "/keys/"}
    )
    assert response["Location"] == "/login/code/?next=%2Fkeys%2F"
    return portal, app


def _is_signed_in(browser):
    return browser.get("/login/").status_code == 302


def _text(response):
    return response.content.decode()


@pytest.mark.parametrize("path", [SECURITY, SET_UP, OFF, CODES, "/security/two-factor/confirm/"])
def test_pages_lead_to_the_sign_in_and_back(portal, db, path):
    response = portal.get(path)

    assert (response.status_code, response["Location"]) == (302, f"/login/?next={path}")


def test_a_code_completes_the_sign_in(waiting):
    browser, app = waiting
    assert not Session.objects.exists()
    assert not _is_signed_in(browser)

    response = browser.post(CODE_PAGE, {"code": app.code(), "next": "/keys/"})

    assert (response.status_code, response["Location"]) == (302, "/keys/")
    session = Session.objects.get()
    assert (session.kind, session.method) == ("PORTAL", Session.Method.TOTP)
    assert session.second_factor_at == timezone.now()
    assert _is_signed_in(browser)


def test_signing_in_with_a_code_changes_the_cookie(waiting):
    browser, app = waiting
    before = browser.cookies["tollgate_session"].value

    browser.post(CODE_PAGE, {"code": app.code()})

    assert browser.cookies["tollgate_session"].value != before
    assert "accounts_pending_sign_in" not in browser.session


def test_the_code_page_asks_again_after_a_wrong_code(waiting):
    browser, app = waiting

    response = browser.post(CODE_PAGE, {"code": app.wrong_code(), "next": "/keys/"})

    assert response.status_code == 200
    assert "wrong, too old, or was used before" in _text(response)
    assert '<input type="hidden" name="next" value="/keys/">' in _text(response)
    assert not Session.objects.exists()


def test_the_code_page_pauses_with_429(waiting):
    browser, app = waiting
    for _ in range(5):
        browser.post(CODE_PAGE, {"code": app.wrong_code()})

    response = browser.post(CODE_PAGE, {"code": app.code()})

    assert (response.status_code, response["Retry-After"]) == (429, "60")
    assert not Session.objects.exists()


def test_the_code_page_gives_up_after_five_minutes(waiting, clock):
    browser, app = waiting
    clock.shift(300)

    response = browser.post(CODE_PAGE, {"code": app.code(), "next": "/keys/"})

    assert response["Location"] == "/login/?next=%2Fkeys%2F"
    assert not Session.objects.exists()


def test_the_code_page_is_for_those_who_gave_their_password(portal, olivia):
    enroll(olivia)

    assert portal.get(CODE_PAGE)["Location"].startswith("/login/")


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example"])
def test_the_code_page_leads_to_our_own_pages_only(waiting, wanted):
    browser, app = waiting

    assert browser.post(CODE_PAGE, {"code": app.code(), "next": wanted})["Location"] == "/"


def test_a_trusted_browser_is_spared_the_code(waiting, olivia):
    browser, app = waiting
    browser.post(CODE_PAGE, {"code": app.code(), "trust_device": "on"})
    browser.post("/logout/")

    response = browser.post("/login/", {"email": olivia.email, "password": PASSWORD})

    assert response["Location"] == "/"
    assert Session.objects.latest("id").method == Session.Method.TRUSTED_DEVICE
    assert olivia.email in _text(browser.get(SECURITY))
    assert "Trusted devices" in _text(browser.get(SECURITY))


def test_a_trusted_browser_is_forgotten(waiting, olivia, stan):
    browser, app = waiting
    browser.post(CODE_PAGE, {"code": app.code(), "trust_device": "on"})
    foreign = devices.note(user=stan, token="", at=timezone.now())
    mine = Device.objects.get(user=olivia)

    assert browser.post(f"/security/devices/{mine.pk}/forget/")["Location"] == SECURITY
    assert browser.post(f"/security/devices/{foreign.pk}/forget/").status_code == 404

    assert list(Device.objects.all()) == [foreign]
    browser.post("/logout/")
    body = {"email": olivia.email, "password": PASSWORD}
    assert browser.post("/login/", body)["Location"].startswith(CODE_PAGE)


def test_setting_it_up_begins_with_a_button(browser):
    page = browser.get(SET_UP)

    assert page.context["enrolment"] is None
    assert not TotpDevice.objects.exists()
    assert "QR code" not in _text(page)


def test_setting_it_up_shows_picture_and_key_until_it_is_on(browser, olivia):
    assert browser.post(SET_UP)["Location"] == SET_UP
    page = browser.get(SET_UP)
    enrolment = page.context["enrolment"]
    assert enrolment.secret in _text(page)
    assert enrolment.qr_svg in _text(page)

    codes = browser.post(SET_UP, {"code": App.of(enrolment.secret).code()})

    assert factors.has_second_factor(olivia)
    assert enrolment.secret not in _text(codes)
    assert browser.get(SET_UP)["Location"] == SECURITY


def test_recovery_codes_are_shown_once_and_can_be_kept(browser):
    browser.post(SET_UP)
    app = App.of(browser.get(SET_UP).context["enrolment"].secret)

    page = browser.post(SET_UP, {"code": app.code()})

    codes = page.context["codes"]
    assert (page.status_code, len(codes), page["Cache-Control"]) == (200, 10, "no-store")
    assert all(code in _text(page) for code in codes)
    assert unquote(page.context["file"].partition(",")[2]).split() == codes
    assert codes[0] not in _text(browser.get(SECURITY))


def test_a_wrong_first_code_leaves_it_off(browser, olivia):
    browser.post(SET_UP)

    page = browser.post(SET_UP, {"code": "000000"})

    assert page.status_code == 200
    assert page.context["form"].has_error("code")
    assert page.context["enrolment"] is not None
    assert not factors.has_second_factor(olivia)


def test_setting_it_up_asks_for_a_recent_sign_in(browser, olivia, clock):
    clock.shift(601)

    response = browser.post(SET_UP)

    assert response.status_code == 302
    assert not TotpDevice.objects.exists()


def test_setting_it_up_twice_is_refused(browser, olivia):
    enroll(olivia)

    assert browser.post(SET_UP)["Location"] == SECURITY
    assert browser.post(SET_UP, {"code": "123456"})["Location"] == SECURITY
    assert TotpDevice.objects.get().confirmed


def test_turning_it_off_takes_password_and_code(browser, olivia):
    app = enroll(olivia)

    wrong = browser.post(OFF, {"password": "wrong", "code": app.code()})
    assert wrong.context["form"].has_error("password")
    assert factors.has_second_factor(olivia)
    right = browser.post(OFF, {"password": PASSWORD, "code": app.code()})

    assert right["Location"] == SECURITY
    assert not factors.has_second_factor(olivia)
    assert browser.post(OFF, {"password": PASSWORD, "code": "1"})["Location"] == SECURITY


def test_recovery_codes_are_replaced(browser, olivia):
    app = enroll(olivia)

    refused = browser.post(CODES, {"password": PASSWORD, "code": app.wrong_code()})
    assert refused.context["form"].has_error("code")
    page = browser.post(CODES, {"password": PASSWORD, "code": app.code()})

    assert len(page.context["codes"]) == 10
    assert not set(page.context["codes"]) & set(app.recovery_codes)
    assert recovery_codes.left_of(olivia) == 10


def test_sessions_are_listed(browser, olivia):
    sessions.start(user=olivia, at=timezone.now())

    page = browser.get(SECURITY)

    assert len(page.context["sessions"]) == 2
    assert page.context["current_session_id"] == Session.objects.earliest("id").pk
    assert "This device" in _text(page)


def test_a_session_is_ended(browser, olivia, stan):
    own = sessions.start(user=olivia, at=timezone.now()).session
    foreign = sessions.start(user=stan, at=timezone.now()).session

    assert browser.post(f"/security/sessions/{own.pk}/end/")["Location"] == SECURITY
    assert browser.post(f"/security/sessions/{foreign.pk}/end/").status_code == 404

    assert set(Session.objects.filter(ended_at=None)) == {
        foreign,
        Session.objects.earliest("id"),
    }


def test_all_other_sessions_are_ended(browser, olivia):
    sessions.start(user=olivia, at=timezone.now())

    assert browser.post("/security/sessions/end-others/")["Location"] == SECURITY

    assert Session.objects.get(ended_at=None) == Session.objects.earliest("id")
    assert _is_signed_in(browser)


def test_every_session_is_ended(browser, olivia):
    sessions.start(user=olivia, at=timezone.now())

    assert browser.post("/security/sessions/end-all/")["Location"] == "/login/"

    assert not Session.objects.filter(ended_at=None).exists()
    assert not _is_signed_in(browser)


@pytest.mark.parametrize("path", ["end-others/", "end-all/", "1/end/"])
def test_sessions_are_not_ended_by_a_link(browser, path):
    assert browser.get(f"/security/sessions/{path}").status_code == 405


def test_the_picture_is_one_that_a_page_may_hold(browser):
    browser.post(SET_UP)

    picture = browser.get(SET_UP).context["enrolment"].qr_svg

    assert picture.startswith("<svg ")
    assert "style" not in picture
    assert "script" not in picture


def test_staff_is_told_why_a_last_app_stays(portal_as, sam):
    app = enroll(sam)

    page = portal_as(sam).post(OFF, {"password": PASSWORD, "code": app.code()}, follow=True)

    assert "Add another one first" in page.content.decode()
    assert sam.totpdevice_set.filter(confirmed=True).exists()


@pytest.mark.parametrize("path", [OFF, CODES, "/security/two-factor/confirm/"])
def test_without_a_second_factor_there_is_nothing_to_do(browser, path):
    response = browser.get(path, follow=True)

    assert response.redirect_chain == [(SECURITY, 302)]
    assert len(list(response.context["messages"])) == 1
