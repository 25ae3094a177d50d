"""Step-up: what could do lasting harm needs a proof of who is there that is at most ten minutes old."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory
from rest_framework.views import APIView

from accounts import selectors
from accounts.models import LoginGuard, Session
from accounts.permissions import RecentlyAuthenticated
from accounts.services import pace, recovery_codes, sessions, step_up
from accounts.services.step_up import ReauthenticationRequired
from apikeys.authentication import KeyPrincipal
from apikeys.models import ApiKey, Secret
from audit.models import AuditLog, SecurityEvent
from tests import race
from tests.clients import grow_old
from tests.doubles.authenticator import enrolled
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factories.apikeys import ApiKeyFactory

pytestmark = pytest.mark.django_db

URL = "/api/v1/auth/reauthenticate"
KEYS = "/api/v1/api-keys"
WRONG = "not the password"


@pytest.fixture
def client(api_as, olivia):
    """Return an API client of Olivia, who signed in ten minutes ago."""
    client = api_as(olivia)
    grow_old(olivia)
    return client


def _may_create(client):
    return client.post(KEYS, {"name": "Checkout"}).status_code == 201


def _required(response):
    return (response.status_code, response.json()["code"]) == (403, "reauthentication_required")


@pytest.mark.parametrize(
    ("age", "is_recent"),
    [(timedelta(), True), (timedelta(seconds=599), True), (timedelta(seconds=600), False)],
    ids=["now", "just-in-time", "too-late"],
)
def test_a_proof_is_recent_for_ten_minutes(olivia, age, is_recent):
    at = timezone.now()
    session = Session(user=olivia, authenticated_at=at - age)

    assert step_up.is_recent(session, at=at) is is_recent


def test_a_proof_is_given_anew_under_whatever_idempotency_key(client, olivia):
    """A recorded answer would say that the proof is recent, which was given an hour ago."""
    given = {"password": PASSWORD}, {"Idempotency-Key": "confirm-1"}
    assert client.post(URL, given[0], headers=given[1]).status_code == 204
    grow_old(olivia)

    again = client.post(URL, given[0], headers=given[1])

    assert (again.status_code, "Idempotency-Replayed" in again.headers) == (204, False)
    assert _may_create(client)


def test_a_fresh_sign_in_is_a_recent_proof(api_as, olivia):
    assert _may_create(api_as(olivia))


def test_creating_a_key_says_how_to_confirm(client):
    response = client.post(KEYS, {"name": "Checkout"})

    body = response.json()
    assert _required(response)
    assert response["Content-Type"] == "application/problem+json"
    assert body["methods"] == ["password"]
    assert body["endpoint"] == URL
    assert body["max_age_seconds"] == 600
    assert not ApiKey.objects.exists()


def test_rotating_a_key_needs_a_recent_proof(client, organization):
    key = ApiKeyFactory.create(organization=organization)
    before = Secret.objects.count()

    assert _required(client.post(f"{KEYS}/{key.pk}/rotate", {"overlap_seconds": 0}))
    assert Secret.objects.count() == before


def test_reading_changing_and_revoking_a_key_do_not(client, organization):
    key = ApiKeyFactory.create(organization=organization)

    statuses = [
        client.get(KEYS).status_code,
        client.patch(f"{KEYS}/{key.pk}", {"name": "Other"}).status_code,
        client.delete(f"{KEYS}/{key.pk}").status_code,
    ]

    assert statuses == [200, 200, 204]


def test_a_role_is_asked_for_before_a_proof(api_as, vera):
    client = api_as(vera)
    grow_old(vera)

    assert client.post(KEYS, {"name": "Checkout"}).json()["code"] == "forbidden"


def test_refreshing_is_no_proof(api, sign_in, olivia):
    pair = sign_in(olivia)
    grow_old(olivia)
    fresh = api.post("/api/v1/auth/refresh", {"refresh": pair["refresh"]}).json()
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {fresh['access']}")

    assert _required(api.post(KEYS, {"name": "Checkout"}))


def test_the_ways_are_those_that_the_person_has(api_as, olivia):
    enrolled(olivia)
    client = api_as(olivia)
    grow_old(olivia)

    assert client.post(KEYS, {"name": "X"}).json()["methods"] == ["password", "code", "passkey"]


def test_the_password_confirms(client, olivia):
    response = client.post(URL, {"password": PASSWORD})

    assert (response.status_code, response.content) == (204, b"")
    assert _may_create(client)
    session = Session.objects.get()
    assert session.second_factor_at is None
    entry = AuditLog.objects.get(event="session.reauthenticated")
    assert (entry.actor_id, entry.data["method"]) == (olivia.pk, "password")


def test_a_recovery_code_confirms_once(api_as, olivia):
    enrolled(olivia)
    (code, *_) = recovery_codes.replace(user=olivia)
    client = api_as(olivia)
    grow_old(olivia)

    statuses = [client.post(URL, {"code": code}).status_code for _ in range(2)]

    assert statuses == [204, 400]
    assert Session.objects.get(ended_at=None).second_factor_at is not None


def test_a_passkey_confirms(api_as, olivia):
    device, _ = enrolled(olivia)
    client = api_as(olivia)
    grow_old(olivia)
    options = client.post(f"{URL}/options").json()

    response = client.post(URL, {"credential": device.sign(options)})

    assert response.status_code == 204
    assert options["allowCredentials"][0]["transports"] == ["internal"]
    assert _may_create(client)


def test_a_passkey_of_somebody_else_confirms_nothing(api_as, olivia, stan):
    enrolled(olivia)
    theirs, _ = enrolled(stan)
    client = api_as(olivia)
    grow_old(olivia)
    options = client.post(f"{URL}/options").json()

    response = client.post(URL, {"credential": theirs.sign(options)})

    assert (response.status_code, response.json()["code"]) == (401, "passkey_not_accepted")
    assert not _may_create(client)


def test_a_challenge_of_another_purpose_confirms_nothing(api, api_as, olivia):
    device, _ = enrolled(olivia)
    client = api_as(olivia)
    body = api.post("/api/v1/auth/login", {"email": olivia.email, "password": PASSWORD}).json()
    token = {"two_factor_token": body["two_factor_token"]}
    asked = [
        api.post("/api/v1/auth/passkeys/sign-in/options").json(),
        api.post("/api/v1/auth/passkeys/second-factor/options", token).json(),
        client.post("/api/v1/auth/passkeys/options").json(),
    ]
    grow_old(olivia)

    answers = [client.post(URL, {"credential": device.sign(options)}) for options in asked]

    assert [answer.status_code for answer in answers] == [401] * 3
    assert not _may_create(client)


@pytest.mark.parametrize(
    "body",
    [{}, {"password": PASSWORD, "code": "123456"}, {"passwords": PASSWORD}, {"password": ""}],
    ids=["none", "two", "unknown", "empty"],
)
def test_exactly_one_proof_is_taken(client, body):
    assert client.post(URL, body).status_code == 400
    assert not _may_create(client)


def test_a_wrong_password_is_refused_and_noted(client, olivia):
    response = client.post(URL, {"password": WRONG})

    assert (response.status_code, response.json()["code"]) == (400, "wrong_password")
    assert response.json()["errors"][0]["pointer"] == "#/password"
    assert SecurityEvent.objects.get(name="authn_login_fail").user_id == olivia.pk
    assert not _may_create(client)


def test_a_stolen_token_cannot_guess(client, olivia, api):
    statuses = [client.post(URL, {"password": WRONG}).status_code for _ in range(6)]

    assert statuses == [400] * 5 + [429]
    assert client.post(URL, {"password": PASSWORD}).status_code == 429
    assert not _may_create(client)


def test_guesses_under_idempotency_keys_count(client):
    guesses = [
        client.post(URL, {"password": WRONG}, headers={"Idempotency-Key": f"guess-{number}"})
        for number in range(6)
    ]

    assert [guess.status_code for guess in guesses] == [400] * 5 + [429]


def test_guesses_count_together_with_those_at_sign_in(client, olivia, api):
    at = timezone.now()
    for _ in range(3):
        api.post("/api/v1/auth/login", {"email": olivia.email, "password": WRONG})
        client.post(URL, {"password": WRONG})

    account = pace.subject("account", olivia.email)
    assert len(selectors.tries_of(account, since=at)) == 6


def test_nobody_confirms_nothing(api):
    assert api.post(URL, {"password": PASSWORD}).status_code == 401
    assert not LoginGuard.objects.exists()


def test_a_key_is_governed_by_its_scopes(organization, api):
    key = ApiKeyFactory.create(organization=organization, scopes=["*", "tollgate:*"])
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {key.secret}")

    created, confirmed = api.post(KEYS, {"name": "X"}), api.post(URL, {"password": PASSWORD})

    assert (created.status_code, created.json()["code"]) == (403, "forbidden")
    assert confirmed.status_code == 401


def test_a_caller_without_a_session_is_not_asked_to_confirm():
    request = Request(APIRequestFactory().post("/"))
    request.user = KeyPrincipal(key_id=1)  # type: ignore[assignment]  # as key authentication does

    assert RecentlyAuthenticated().has_permission(request, APIView()) is True


def test_what_ended_meanwhile_is_not_renewed(olivia):
    session = sessions.start(user=olivia, at=timezone.now()).session
    grow_old(olivia)
    sessions.end_all(user=olivia, reason="ended_by_user")

    with pytest.raises(Exception, match="ended"):
        step_up.reauthenticate(session=session, password=PASSWORD, at=timezone.now())

    session.refresh_from_db()
    assert not step_up.is_recent(session, at=timezone.now())
    assert not AuditLog.objects.filter(event="session.reauthenticated").exists()


def test_an_earlier_proof_does_not_replace_a_later_one(olivia):
    at = timezone.now()
    session = sessions.start(user=olivia, at=at).session

    step_up.reauthenticate(session=session, password=PASSWORD, at=at - timedelta(minutes=9))

    session.refresh_from_db()
    assert session.authenticated_at == at


def test_simultaneous_confirmations_by_password_all_count(transactional_db):
    person = UserFactory.create()
    session = sessions.start(user=person, at=timezone.now()).session
    grow_old(person)
    at = timezone.now()

    outcomes = race.together(
        4, lambda n: step_up.reauthenticate(session=session, password=PASSWORD, at=at)
    )

    session.refresh_from_db()
    assert outcomes == [None] * 4
    assert session.authenticated_at == at
    step_up.require_recent(session=session, at=at)


def test_of_simultaneous_confirmations_with_one_signature_one_counts(transactional_db):
    person = UserFactory.create()
    device, _ = enrolled(person)
    session = sessions.start(user=person, at=timezone.now()).session
    grow_old(person)
    options = step_up.begin_by_passkey(session=session, at=timezone.now())
    credential = device.sign(options)

    outcomes = race.together(
        8,
        lambda n: step_up.reauthenticate(session=session, credential=credential, at=timezone.now()),
    )

    assert sum(outcome is None for outcome in outcomes) == 1
    assert AuditLog.objects.filter(event="session.reauthenticated").count() == 1


def test_the_refusal_is_documented(portal):
    page = portal.get(f"/problems/{ReauthenticationRequired.code}")

    assert page.status_code == 200
    assert URL in page.content.decode()
