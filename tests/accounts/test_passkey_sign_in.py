"""Signing in with a passkey: alone, and after the password; and what an attacker would send instead."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Passkey, PasskeyChallenge, Session, User
from accounts.services import assertions, passkeys, suspension
from accounts.services.assertions import PasskeyNotAccepted
from accounts.services.sign_in import Door
from audit.models import SecurityEvent
from config.common.errors import DomainError
from tests import race
from tests.doubles.authenticator import (
    ELIGIBLE,
    ES256,
    PRESENT,
    RS256,
    SYNCED,
    VERIFIED,
    Authenticator,
    EdDSA,
    enrolled,
)
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

SIGN_IN = "/api/v1/auth/passkeys/sign-in"
SECOND_FACTOR = "/api/v1/auth/passkeys/second-factor"
DOOR = Door(kind=Session.Kind.API)


def _sign_in(api, device, **lies):
    options = api.post(f"{SIGN_IN}/options").json()
    return api.post(SIGN_IN, {"credential": device.sign(options, **lies)})


def _begin(api, person):
    """Give the password and return the token of the sign-in that waits."""
    body = api.post("/api/v1/auth/login", {"email": person.email, "password": PASSWORD}).json()
    assert body["two_factor_required"] is True
    return body["two_factor_token"]


def _finish(api, device, token, **lies):
    options = api.post(f"{SECOND_FACTOR}/options", {"two_factor_token": token}).json()
    credential = device.sign(options, **lies)
    return api.post(SECOND_FACTOR, {"two_factor_token": token, "credential": credential})


def _refused(response):
    assert not Session.objects.exists()
    return (response.status_code, response.json()["code"]) == (401, "passkey_not_accepted")


@pytest.fixture
def device(olivia):
    """Return Olivia's device; she is signed in nowhere."""
    return enrolled(olivia)[0]


def test_the_question_is_the_same_for_everybody(api, device):
    first, second = (api.post(f"{SIGN_IN}/options") for _ in range(2))

    challenges = [answer.json().pop("challenge") for answer in (first, second)]
    assert len(set(challenges)) == 2
    assert {**first.json(), "challenge": ""} == {
        "challenge": "",
        "timeout": 300000,
        "rpId": "testserver",
        "allowCredentials": [],
        "userVerification": "required",
    }
    assert not PasskeyChallenge.objects.filter(purpose="SIGN_IN").exclude(user=None).exists()


@pytest.mark.parametrize("key", [ES256, EdDSA, RS256], ids=["es256", "eddsa", "rs256"])
def test_a_passkey_signs_in_alone(api, olivia, key):
    device, passkey = enrolled(olivia, key())

    response = _sign_in(api, device)

    body = response.json()
    assert (response.status_code, body["user"]["id"]) == (200, olivia.pk)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {body['access']}")
    assert api.get("/api/v1/users/me").json()["email"] == olivia.email
    session = Session.objects.get()
    assert session.method == Session.Method.PASSKEY
    assert session.second_factor_at is not None
    passkey.refresh_from_db()
    assert (passkey.sign_count, passkey.last_used_at is not None) == (1, True)


def test_signing_in_notes_that_a_passkey_is_synced(api, olivia, device):
    _sign_in(api, device, flags=PRESENT | VERIFIED | ELIGIBLE | SYNCED)

    assert Passkey.objects.get().is_synced


def test_a_device_that_does_not_count_signs_in_again_and_again(api, olivia, device):
    assert [_sign_in(api, device, count=0).status_code for _ in range(3)] == [200] * 3


ATTACKS = [
    pytest.param({"origin": "https://evil.example"}, id="another-origin"),
    pytest.param({"origin": "https://testserver"}, id="another-scheme"),
    pytest.param({"site": "evil.example"}, id="another-site"),
    pytest.param({"cross_origin": True}, id="within-another-page"),
    pytest.param({"type": "webauthn.create"}, id="not-a-signature"),
    pytest.param({"challenge": "AAAA"}, id="another-challenge"),
    pytest.param({"flags": VERIFIED}, id="nobody-was-present"),
    pytest.param({"signature": b"x" * 70}, id="another-signature"),
    pytest.param({"handle": b"somebody else"}, id="another-person-s-name"),
]


@pytest.mark.parametrize(
    "lies",
    [
        *ATTACKS,
        pytest.param({"flags": PRESENT}, id="holder-not-checked"),
        pytest.param({"handle": None}, id="no-name"),
    ],
)
def test_signing_in_refuses_what_was_not_signed_for_us(api, device, lies):
    assert _refused(_sign_in(api, device, **lies))
    assert SecurityEvent.objects.filter(name="authn_login_fail").count() == 1
    assert Passkey.objects.get().last_used_at is None


def test_an_unknown_passkey_is_answered_like_a_wrong_one(api, device):
    stranger = Authenticator(handle=device.handle)

    unknown, wrong = _sign_in(api, stranger), _sign_in(api, device, signature=b"x" * 70)

    assert _refused(unknown)
    bodies = [{**answer.json(), "request_id": "", "instance": ""} for answer in (unknown, wrong)]
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": [], "rawId": {}, "type": 7, "response": None},
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "____", "authenticatorData": "AA", "signature": "AA"},
        },
    ],
    ids=["empty", "other-types", "hollow"],
)
def test_signing_in_refuses_what_is_no_answer(api, device, credential):
    assert _refused(api.post(SIGN_IN, {"credential": credential}))


def test_a_signature_is_good_once(api, device):
    options = api.post(f"{SIGN_IN}/options").json()
    credential = device.sign(options)
    first = api.post(SIGN_IN, {"credential": credential})

    second = api.post(SIGN_IN, {"credential": credential})

    assert (first.status_code, second.status_code) == (200, 401)
    assert Session.objects.count() == 1


def test_a_challenge_is_good_for_five_minutes(api, device, clock):
    early, late = (api.post(f"{SIGN_IN}/options").json() for _ in range(2))
    clock.shift(299)
    in_time = api.post(SIGN_IN, {"credential": device.sign(early)})
    clock.shift(1)

    too_late = api.post(SIGN_IN, {"credential": device.sign(late)})

    assert (in_time.status_code, too_late.status_code) == (200, 401)


def test_a_challenge_of_another_purpose_signs_nobody_in(api, api_as, olivia, device):
    token = _begin(api, olivia)
    asked = [
        api.post(f"{SECOND_FACTOR}/options", {"two_factor_token": token}).json(),
        api_as(olivia).post("/api/v1/auth/reauthenticate/options").json(),
        api_as(olivia).post("/api/v1/auth/passkeys/options").json(),
    ]
    before = Session.objects.count()

    answers = [api.post(SIGN_IN, {"credential": device.sign(options)}) for options in asked]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert Session.objects.count() == before


def test_a_device_that_counts_backwards_is_refused_and_reported(api, olivia, device):
    device.count = 8
    assert _sign_in(api, device).status_code == 200
    Session.objects.all().delete()

    assert _refused(_sign_in(api, device, count=9))
    assert _refused(_sign_in(api, device, count=3))

    event = SecurityEvent.objects.filter(name="authn_token_reuse").earliest("pk")
    assert (event.user_id, event.severity) == (olivia.pk, "CRITICAL")
    assert Passkey.objects.get().sign_count == 9


def test_a_forged_count_does_not_make_a_device_look_cloned(api, device):
    device.count = 8
    _sign_in(api, device)
    Session.objects.all().delete()

    assert _refused(_sign_in(api, device, count=3, signature=b"x" * 70))

    assert not SecurityEvent.objects.filter(name="authn_token_reuse").exists()


def test_suspended_people_are_not_let_in(api, olivia, device):
    suspension.suspend(user=olivia, reason="fraud")

    assert _refused(_sign_in(api, device))


def test_of_simultaneous_signatures_one_signs_in(transactional_db):
    person = UserFactory.create()
    device, _ = enrolled(person)
    options = assertions.begin_sign_in(at=timezone.now())
    credentials = [device.sign(options) for _ in range(16)]

    outcomes = race.together(
        16, lambda n: assertions.sign_in(credential=credentials[n], door=DOOR, at=timezone.now())
    )

    lost = [outcome for outcome in outcomes if isinstance(outcome, PasskeyNotAccepted)]
    assert len(lost) == 15
    assert Session.objects.count() == 1
    assert User.objects.get().login_count == 1


@pytest.mark.parametrize("way", ["alone", "second_factor"])
def test_a_passkey_that_is_removed_before_the_door_opens_opens_nothing(
    api, olivia, device, monkeypatch, way
):
    token = _begin(api, olivia)
    prove = assertions._prove

    def and_meanwhile_removed(*args, **settings):
        passkey = prove(*args, **settings)
        passkeys.remove(user=olivia, passkey_id=passkey.pk)
        return passkey

    monkeypatch.setattr(assertions, "_prove", and_meanwhile_removed)

    response = _sign_in(api, device) if way == "alone" else _finish(api, device, token)

    assert _refused(response)
    assert not Passkey.objects.exists()


def test_the_password_alone_is_not_enough_any_more(api, olivia, device):
    response = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD})

    body = response.json()
    assert response.status_code == 200
    assert body["methods"] == ["passkey", "recovery_code"]
    assert "access" not in body
    assert not Session.objects.exists()


def test_a_passkey_completes_a_sign_in(api, olivia, device):
    response = _finish(api, device, _begin(api, olivia))

    assert (response.status_code, response.json()["user"]["id"]) == (200, olivia.pk)
    session = Session.objects.get()
    assert session.method == Session.Method.SECURITY_KEY
    assert session.second_factor_at is not None


def test_as_a_second_factor_a_touch_is_enough(api, olivia, device):
    response = _finish(api, device, _begin(api, olivia), flags=PRESENT, handle=None)

    assert response.status_code == 200


def test_as_a_second_factor_ones_own_passkeys_are_asked_for(api, olivia, device, stan):
    enrolled(stan)
    token = _begin(api, olivia)

    options = api.post(f"{SECOND_FACTOR}/options", {"two_factor_token": token}).json()

    assert [one["id"] for one in options["allowCredentials"]] == [device.sign(options)["id"]]
    assert options["userVerification"] == "preferred"


@pytest.mark.parametrize("lies", ATTACKS)
def test_a_second_factor_has_to_be_signed_for_us(api, olivia, device, lies):
    assert _refused(_finish(api, device, _begin(api, olivia), **lies))


def test_a_passkey_of_somebody_else_is_no_second_factor(api, olivia, device, stan):
    theirs, _ = enrolled(stan)

    response = _finish(api, theirs, _begin(api, olivia))

    assert _refused(response)
    assert SecurityEvent.objects.get(name="authn_login_fail").user_id == olivia.pk


def test_a_challenge_for_somebody_else_is_no_second_factor(api, olivia, device, stan):
    enrolled(stan)
    other = api.post(f"{SECOND_FACTOR}/options", {"two_factor_token": _begin(api, stan)}).json()
    token = _begin(api, olivia)

    response = api.post(
        SECOND_FACTOR, {"two_factor_token": token, "credential": device.sign(other)}
    )

    assert _refused(response)


def test_a_challenge_for_signing_in_alone_is_no_second_factor(api, olivia, device):
    options = api.post(f"{SIGN_IN}/options").json()
    token = _begin(api, olivia)

    response = api.post(
        SECOND_FACTOR, {"two_factor_token": token, "credential": device.sign(options)}
    )

    assert _refused(response)


def test_after_a_wrong_answer_the_sign_in_still_waits(api, olivia, device):
    token = _begin(api, olivia)
    _finish(api, device, token, origin="https://evil.example")

    assert _finish(api, device, token).status_code == 200


def test_a_sign_in_is_completed_once(api, olivia, device):
    token = _begin(api, olivia)
    first = _finish(api, device, token)

    again = api.post(f"{SECOND_FACTOR}/options", {"two_factor_token": token})

    assert (first.status_code, again.status_code) == (200, 401)
    assert again.json()["code"] == "sign_in_expired"


@pytest.mark.parametrize(
    ("token", "status"), [("", 400), ("x", 401), ("a.b.c", 401)], ids=["empty", "short", "forged"]
)
def test_without_a_sign_in_that_waits_nothing_is_asked(api, device, token, status):
    response = api.post(f"{SECOND_FACTOR}/options", {"two_factor_token": token})

    assert response.status_code == status
    assert not PasskeyChallenge.objects.filter(purpose="SECOND_FACTOR").exists()


def test_of_simultaneous_second_factors_one_signs_in(transactional_db, api):
    person = UserFactory.create()
    device, _ = enrolled(person)
    token = _begin(api, person)
    options = [assertions.begin_second_factor(token=token, at=timezone.now()) for _ in range(16)]
    device.count = 0
    credentials = [device.sign(one, count=0) for one in options]

    outcomes = race.together(
        16,
        lambda n: assertions.finish_sign_in(
            token=token, credential=credentials[n], door=DOOR, at=timezone.now()
        ),
    )

    assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
    assert {outcome.status for outcome in outcomes if isinstance(outcome, DomainError)} == {401}
    assert Session.objects.count() == 1


def test_which_site_we_are_is_a_setting_and_nothing_else(api, device, settings):
    settings.PUBLIC_URL = "https://tollgate.example"
    options = api.post(f"{SIGN_IN}/options", headers={"Host": "127.0.0.1"}).json()

    honest = device.sign(options, origin="https://tollgate.example", site="tollgate.example")
    response = api.post(SIGN_IN, {"credential": honest})

    assert options["rpId"] == "tollgate.example"
    assert response.status_code == 200


def test_challenges_are_kept_for_the_time_they_are_good(olivia):
    at = timezone.now()

    assertions.begin_sign_in(at=at)

    assert PasskeyChallenge.objects.get().expires_at == at + timedelta(minutes=5)
