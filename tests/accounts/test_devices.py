"""Devices: a new one is reported once, a known one is known by its token only, and a trusted one is spared the code."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import Device, PlatformRole, Session, User
from accounts.services import devices, passwords, sessions, two_factor
from audit.models import AuditLog
from config.common import context
from config.common.models import OutgoingMail
from tests.factories.accounts import PASSWORD
from tests.factors import enroll

LOGIN = "/api/v1/auth/login"
VERIFY = "/api/v1/auth/2fa/verify"
DEVICES = "/api/v1/users/me/devices"
COOKIE = "tollgate_device"


@pytest.fixture
def app(olivia, clock):
    """Return Olivia's authenticator app."""
    return enroll(olivia)


def _log_in(api, person, **more):
    return api.post(LOGIN, {"email": person.email, "password": PASSWORD, **more}).json()


def _trusted_token(api, person, app):
    body = {
        "two_factor_token": _log_in(api, person)["two_factor_token"],
        "code": app.code(),
        "trust_device": True,
    }
    token = api.post(VERIFY, body).json()["device_token"]
    assert len(token) == 43
    return token


def _reports(person):
    return OutgoingMail.objects.filter(recipient=person.email, kind="accounts/new_device").count()


def _enter(client, person):
    return client.post("/login/", {"email": person.email, "password": PASSWORD})


def test_the_very_first_device_is_no_news(portal, olivia):
    _enter(portal, olivia)

    assert _reports(olivia) == 0
    assert Device.objects.get().user_id == olivia.pk


def test_a_new_device_is_reported_once(portal, olivia):
    _enter(Client(), olivia)
    for _ in range(3):
        assert _enter(portal, olivia).status_code == 302
        portal.post("/logout/")

    assert _reports(olivia) == 1
    assert Device.objects.count() == 2
    assert len({session.device_id for session in Session.objects.all()}) == 2


def test_the_browser_keeps_a_long_random_token(portal, olivia, tables_holding):
    _enter(portal, olivia)

    cookie = portal.cookies[COOKIE]
    assert devices.is_token(cookie.value)
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    assert cookie["max-age"] == 400 * 24 * 3600
    assert tables_holding(cookie.value) == []


def test_a_token_that_is_not_ours_is_replaced(portal, olivia):
    portal.cookies[COOKIE] = "chosen-by-somebody"

    _enter(portal, olivia)

    assert devices.is_token(portal.cookies[COOKIE].value)


def test_two_people_of_one_browser_have_a_device_each(portal, olivia, stan):
    _enter(portal, olivia)
    token = portal.cookies[COOKIE].value
    portal.post("/logout/")
    _enter(portal, stan)

    assert portal.cookies[COOKIE].value == token
    assert {device.user_id for device in Device.objects.all()} == {olivia.pk, stan.pk}
    assert len({bytes(device.digest) for device in Device.objects.all()}) == 1


def test_a_client_without_a_token_is_known_by_address_and_name(api, olivia):
    body = {"email": olivia.email, "password": PASSWORD}
    for agent, ip in [
        ("a", "192.0.2.1"),
        ("a", "192.0.2.1"),
        ("b", "192.0.2.1"),
        ("b", "192.0.2.1"),
    ]:
        api.post(LOGIN, body, HTTP_USER_AGENT=agent, REMOTE_ADDR=ip)

    assert _reports(olivia) == 1


def test_somebody_with_the_password_cannot_bury_the_report(olivia, clock):
    for number in range(30):
        with context.use(context.Context(ip=f"192.0.2.{number}")):
            sessions.start(user=olivia, at=timezone.now())
        olivia.refresh_from_db()

    assert _reports(olivia) == devices.MAILS_PER_HOUR


def test_a_trusted_device_is_spared_the_code_for_thirty_days(api, olivia, app, clock):
    token = _trusted_token(api, olivia, app)

    answer = _log_in(api, olivia, device_token=token)

    assert "access" in answer
    newest = Session.objects.latest("id")
    assert (newest.method, newest.second_factor_at) == (Session.Method.TRUSTED_DEVICE, None)
    clock.shift(timedelta(days=30))
    assert "access" not in _log_in(api, olivia, device_token=token)


def test_trust_is_given_only_where_it_is_asked_for(api, olivia, app):
    body = {"two_factor_token": _log_in(api, olivia)["two_factor_token"], "code": app.code()}

    assert "device_token" not in api.post(VERIFY, body).json()
    assert Device.objects.get().trusted_until is None


def test_a_device_without_a_second_factor_is_not_trusted_by_asking(portal, olivia):
    body = {"email": olivia.email, "password": PASSWORD, "trust_device": "on"}

    portal.post("/login/", body)

    assert Device.objects.get().trusted_until is None


def test_trust_spares_no_password(api, olivia, app):
    token = _trusted_token(api, olivia, app)
    body = {"email": olivia.email, "password": "wrong", "device_token": token}

    assert api.post(LOGIN, body).status_code == 401


def test_trust_is_one_persons(api, olivia, stan, app):
    enroll(stan)
    token = _trusted_token(api, olivia, app)

    assert "access" not in _log_in(api, stan, device_token=token)


def test_staff_always_gives_the_code(api, sam, clock):
    token = _trusted_token(api, sam, enroll(sam))

    assert "access" not in _log_in(api, sam, device_token=token)


def test_trust_ends_when_somebody_joins_the_staff(api, olivia, app):
    token = _trusted_token(api, olivia, app)
    User.objects.filter(pk=olivia.pk).update(role=PlatformRole.ADMIN)

    assert "access" not in _log_in(api, olivia, device_token=token)


@pytest.mark.parametrize("what", ["password", "off", "on", "everywhere", "removed"])
def test_trust_ends(api, olivia, app, clock, what):
    token = _trusted_token(api, olivia, app)
    clock.shift(60)
    if what == "password":
        passwords.record_change(user=olivia)
    elif what == "off":
        proof = {"password": PASSWORD, "code": app.code()}
        two_factor.disable(user=olivia, session_id=None, at=timezone.now(), **proof)
        enroll(olivia)
    elif what == "on":
        olivia.totpdevice_set.update(confirmed=False)
        two_factor.confirm(user=olivia, session_id=None, code=app.code(), at=timezone.now())
    elif what == "everywhere":
        sessions.end_all(user=olivia, reason="ended_by_user")
    else:
        devices.remove(user=olivia, device_id=Device.objects.get().pk)

    assert _log_in(api, olivia, device_token=token)["two_factor_required"] is True


def test_trust_is_audited(api, olivia, app):
    _trusted_token(api, olivia, app)

    entry = AuditLog.objects.get(event="device.trusted")
    assert entry.data["device_id"] == Device.objects.get().pk


def test_devices_are_listed_and_forgotten(api, api_as, olivia, app, stan):
    client, other = api_as(olivia), api_as(stan)
    token = _trusted_token(api, olivia, app)
    (newest, *_) = client.get(DEVICES).json()["data"]
    assert set(newest) == {
        "id",
        "ip",
        "user_agent",
        "trusted_until",
        "last_used_at",
        "created_at",
    }
    assert newest["trusted_until"] == "2026-04-01T09:00:00Z"
    assert other.delete(f"{DEVICES}/{newest['id']}").status_code == 404

    assert client.delete(f"{DEVICES}/{newest['id']}").status_code == 204

    assert newest["id"] not in {one["id"] for one in client.get(DEVICES).json()["data"]}
    assert "access" not in _log_in(api, olivia, device_token=token)
    assert AuditLog.objects.filter(event="device.removed").count() == 1


def test_signing_out_the_others_leaves_this_one(api_as, olivia):
    here, there = api_as(olivia), api_as(olivia)

    assert here.delete("/api/v1/users/me/sessions").status_code == 204

    assert here.get("/api/v1/users/me").status_code == 200
    assert there.get("/api/v1/users/me").status_code == 401


def test_signing_out_everywhere_leaves_none(api_as, olivia, stan):
    here, there, other = api_as(olivia), api_as(olivia), api_as(stan)

    assert here.post("/api/v1/auth/logout-all").status_code == 204

    statuses = [client.get("/api/v1/users/me").status_code for client in (here, there, other)]
    assert statuses == [401, 401, 200]
    assert Session.objects.filter(ended_at=None).get().user_id == stan.pk
