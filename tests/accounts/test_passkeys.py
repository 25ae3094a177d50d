"""Passkeys of one's own: adding them with what a device made."""

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Passkey, PasskeyChallenge, RecoveryCode, Session
from accounts.services import passkeys, sessions
from accounts.services.passkeys import PasskeyNotAdded
from audit.models import AuditLog, SecurityEvent
from config.common.errors import Unauthenticated
from config.common.models import OutgoingMail
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
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/passkeys"
OPTIONS = f"{URL}/options"


def _add(client, device, **lies):
    options = client.post(OPTIONS).json()
    return client.post(URL, {"credential": device.create(options, **lies), "name": "Laptop"})


def _nothing_was_kept():
    return not Passkey.objects.exists() and not OutgoingMail.objects.exists()


def test_a_device_is_asked_for_a_passkey_of_this_site(api_as, olivia):
    options = api_as(olivia).post(OPTIONS).json()

    challenge = PasskeyChallenge.objects.get()
    assert challenge.purpose == "REGISTER"
    assert challenge.user == olivia
    assert len(bytes(challenge.challenge)) == 32
    assert options["rp"] == {"name": "Tollgate", "id": "testserver"}
    assert options["user"]["name"] == "olivia@example.com"
    assert options["user"]["displayName"] == "Olivia Owner"
    assert [one["alg"] for one in options["pubKeyCredParams"]] == [-7, -8, -257]
    assert options["attestation"] == "none"
    assert options["excludeCredentials"] == []
    assert options["authenticatorSelection"]["residentKey"] == "preferred"


def test_a_device_is_told_which_passkeys_there_are(api_as, olivia):
    device, _ = enrolled(olivia)

    options = api_as(olivia).post(OPTIONS).json()

    (known,) = options["excludeCredentials"]
    assert known["transports"] == ["internal"]
    assert known["id"] == device.sign(options)["id"]


def test_the_name_that_devices_know_a_person_by_tells_nothing(api_as, olivia, stan):
    handles = [api_as(person).post(OPTIONS).json()["user"]["id"] for person in (olivia, stan)]

    assert handles[0] != handles[1]
    assert handles[0] == api_as(olivia).post(OPTIONS).json()["user"]["id"]
    assert "olivia" not in handles[0]


@pytest.mark.parametrize("key", [ES256, EdDSA, RS256], ids=["es256", "eddsa", "rs256"])
def test_adding_keeps_what_the_device_made(api_as, olivia, key):
    device = Authenticator(key())

    response = _add(api_as(olivia), device, flags=PRESENT | VERIFIED | ELIGIBLE | SYNCED)

    passkey = Passkey.objects.get()
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert passkey.user == olivia
    assert bytes(passkey.credential_id) == device.credential_id
    body = response.json()
    assert len(body.pop("recovery_codes")) == 10
    assert body == {
        "id": passkey.pk,
        "name": "Laptop",
        "is_synced": True,
        "transports": ["internal"],
        "last_used_at": None,
        "created_at": body["created_at"],
    }


def test_adding_is_audited_and_mailed(api_as, olivia):
    _add(api_as(olivia), Authenticator())

    entry = AuditLog.objects.get(event="passkey.added")
    assert (entry.actor_id, entry.target_id) == (olivia.pk, olivia.pk)
    event = SecurityEvent.objects.get(name="privilege_permissions_changed")
    assert event.user_id == olivia.pk
    mail = OutgoingMail.objects.get()
    assert (mail.kind, mail.recipient) == ("accounts/passkey_added", olivia.email)


def test_the_first_factor_comes_with_recovery_codes_and_ends_other_sessions(api_as, olivia):
    other, client = api_as(olivia), api_as(olivia)

    body = _add(client, Authenticator()).json()

    assert len(set(body["recovery_codes"])) == 10
    assert RecoveryCode.objects.filter(user=olivia).count() == 10
    assert other.get("/api/v1/users/me").status_code == 401
    assert client.get("/api/v1/users/me").status_code == 200
    assert Session.objects.get(ended_at=None).second_factor_at is not None


def test_a_further_passkey_changes_nothing_else(api_as, olivia):
    enrolled(olivia)
    other, client = api_as(olivia), api_as(olivia)

    body = _add(client, Authenticator()).json()

    assert body["recovery_codes"] == []
    assert RecoveryCode.objects.filter(user=olivia).count() == 10
    assert other.get("/api/v1/users/me").status_code == 200


def test_a_passkey_without_a_name_is_numbered(api_as, olivia):
    enrolled(olivia)
    client = api_as(olivia)
    credential = Authenticator().create(client.post(OPTIONS).json())

    assert client.post(URL, {"credential": credential}).json()["name"] == "Passkey 2"


@pytest.mark.parametrize(
    "lies",
    [
        pytest.param({"origin": "https://evil.example"}, id="another-origin"),
        pytest.param({"origin": "http://testserver.evil.example"}, id="origin-with-our-name"),
        pytest.param({"origin": "http://testserver:8080"}, id="another-port"),
        pytest.param({"origin": "https://testserver"}, id="another-scheme"),
        pytest.param({"site": "evil.example"}, id="another-site"),
        pytest.param({"cross_origin": True}, id="within-another-page"),
        pytest.param({"type": "webauthn.get"}, id="not-a-creation"),
        pytest.param({"challenge": "AAAA"}, id="another-challenge"),
        pytest.param({"challenge": 7}, id="challenge-of-another-type"),
        pytest.param({"flags": VERIFIED}, id="nobody-was-present"),
        pytest.param({"shown_id": b"x" * 16}, id="another-id-outside"),
        pytest.param({"credential_id": b"x" * 1024, "shown_id": b"x" * 1024}, id="id-too-long"),
        pytest.param({"public_key": {1: 2, 3: -35, -1: 2, -2: b"x", -3: b"y"}}, id="es384"),
        pytest.param({"public_key": {1: 2}}, id="half-a-key"),
        pytest.param({"public_key": "key"}, id="no-key"),
        pytest.param({"statement": {"fmt": "none", "attStmt": {"sig": b"x"}}}, id="odd-statement"),
        pytest.param({"statement": {"fmt": "packed", "attStmt": {}}}, id="unsigned-statement"),
        pytest.param({"statement": {"fmt": "brand-new", "attStmt": {}}}, id="unknown-statement"),
    ],
)
def test_adding_refuses_what_was_not_made_for_us(api_as, olivia, lies):
    response = _add(api_as(olivia), Authenticator(), **lies)

    assert (response.status_code, response.json()["code"]) == (400, "passkey_not_added")
    assert _nothing_was_kept()


@pytest.mark.parametrize(
    "credential",
    [
        {},
        {"id": "x", "rawId": "x", "type": "public-key", "response": {}},
        {"id": 1, "rawId": [], "type": "x", "response": "x"},
        {
            "id": "AAAA",
            "rawId": "AAAA",
            "type": "public-key",
            "response": {"clientDataJSON": "e30", "attestationObject": "____"},
        },
    ],
    ids=["empty", "no-response", "other-types", "hollow"],
)
def test_adding_refuses_what_is_no_answer(api_as, olivia, credential):
    response = api_as(olivia).post(URL, {"credential": credential})

    assert (response.status_code, response.json()["code"]) == (400, "passkey_not_added")
    assert _nothing_was_kept()


def test_a_challenge_is_good_once(api_as, olivia):
    client = api_as(olivia)
    options = client.post(OPTIONS).json()
    first = client.post(URL, {"credential": Authenticator().create(options)})

    second = client.post(URL, {"credential": Authenticator().create(options)})

    assert (first.status_code, second.status_code) == (201, 400)
    assert Passkey.objects.count() == 1


def test_a_wrong_answer_uses_the_challenge_up(api_as, olivia):
    client = api_as(olivia)
    options = client.post(OPTIONS).json()
    client.post(URL, {"credential": Authenticator().create(options, site="evil.example")})

    response = client.post(URL, {"credential": Authenticator().create(options)})

    assert response.status_code == 400
    assert _nothing_was_kept()


def test_a_challenge_is_good_for_five_minutes(api_as, olivia, clock):
    client = api_as(olivia)
    early, late = (client.post(OPTIONS).json() for _ in range(2))
    clock.shift(299)
    in_time = client.post(URL, {"credential": Authenticator().create(early)})
    clock.shift(1)

    too_late = client.post(URL, {"credential": Authenticator().create(late)})

    assert (in_time.status_code, too_late.status_code) == (201, 400)


def test_a_challenge_is_good_for_its_person_only(api_as, olivia, stan):
    options = api_as(olivia).post(OPTIONS).json()

    response = api_as(stan).post(URL, {"credential": Authenticator().create(options)})

    assert response.status_code == 400
    assert _nothing_was_kept()


def test_a_challenge_is_good_for_its_purpose_only(api_as, olivia):
    options = api_as(olivia).post(OPTIONS).json()
    asked_to_sign = APIClient().post(f"{URL}/sign-in/options").json()

    response = api_as(olivia).post(
        URL, {"credential": Authenticator().create({**options, **asked_to_sign})}
    )

    assert response.status_code == 400
    assert _nothing_was_kept()


def test_a_passkey_has_one_owner(api_as, olivia, stan):
    device, _ = enrolled(olivia)

    response = _add(api_as(stan), device)

    assert (response.status_code, response.json()["code"]) == (400, "passkey_not_added")
    assert Passkey.objects.get().user == olivia


def test_there_is_an_end_to_passkeys(api_as, olivia, monkeypatch):
    monkeypatch.setattr(passkeys, "MAX_PER_PERSON", 1)
    enrolled(olivia)

    response = api_as(olivia).post(OPTIONS)

    assert (response.status_code, response.json()["code"]) == (409, "too_many_passkeys")


@pytest.mark.parametrize("name", ["a" * 81, "see www.evil.example", "http://evil.example", "a\tb"])
def test_a_name_cannot_hold_links(api_as, olivia, name):
    client = api_as(olivia)
    credential = Authenticator().create(client.post(OPTIONS).json())

    response = client.post(URL, {"credential": credential, "name": name})

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "#/name"
    assert _nothing_was_kept()


def test_of_simultaneous_answers_one_wins(transactional_db):
    person = UserFactory.create()
    options = passkeys.begin_adding(user=person, at=timezone.now())
    answers = [Authenticator().create(options) for _ in range(16)]

    outcomes = race.together(
        16, lambda n: passkeys.add(user=person, credential=answers[n], at=timezone.now())
    )

    lost = [outcome for outcome in outcomes if isinstance(outcome, PasskeyNotAdded)]
    assert len(lost) == 15
    assert Passkey.objects.count() == 1


def test_an_ended_session_adds_nothing_with_a_request_that_was_under_way(olivia):
    session = sessions.start(user=olivia, at=timezone.now()).session
    options = passkeys.begin_adding(user=olivia, at=timezone.now())
    sessions.end_all(user=olivia, reason="password_changed")

    with pytest.raises(Unauthenticated):
        passkeys.add(
            user=olivia,
            session_id=session.pk,
            credential=Authenticator().create(options),
            at=timezone.now(),
        )

    assert _nothing_was_kept()


def test_a_session_that_is_being_ended_adds_nothing(transactional_db):
    person = UserFactory.create()
    session = sessions.start(user=person, at=timezone.now()).session
    credential = Authenticator().create(passkeys.begin_adding(user=person, at=timezone.now()))

    outcome = race.behind(
        lambda: sessions.end_all(user=person, reason="password_changed"),
        lambda: passkeys.add(
            user=person, session_id=session.pk, credential=credential, at=timezone.now()
        ),
    )

    assert isinstance(outcome, Unauthenticated)
    assert not Passkey.objects.exists()
