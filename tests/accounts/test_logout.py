"""POST /api/v1/auth/logout ends the session of a refresh token, whatever state it is in."""

from accounts.models import Session
from audit.models import AuditLog

URL = "/api/v1/auth/logout"
ME = "/api/v1/users/me"


def test_ends_the_session_at_once(api, olivia, sign_in):
    pair = sign_in(olivia)
    header = {"HTTP_AUTHORIZATION": f"Bearer {pair['access']}"}
    assert api.get(ME, **header).status_code == 200

    response = api.post(URL, {"refresh": pair["refresh"]})

    assert (response.status_code, response.content) == (204, b"")
    assert api.get(ME, **header).status_code == 401
    assert api.post("/api/v1/auth/refresh", {"refresh": pair["refresh"]}).status_code == 401
    assert Session.objects.get().ended_reason == "logged_out"
    assert AuditLog.objects.filter(event="session.ended", actor_id=olivia.pk).count() == 1


def test_leaves_other_sessions_alone(api, olivia, sign_in):
    here, there = sign_in(olivia), sign_in(olivia)

    api.post(URL, {"refresh": here["refresh"]})

    assert api.get(ME, HTTP_AUTHORIZATION=f"Bearer {there['access']}").status_code == 200


def test_takes_an_older_token_of_the_session(api, olivia, sign_in, clock):
    first = sign_in(olivia)
    api.post("/api/v1/auth/refresh", {"refresh": first["refresh"]})

    assert api.post(URL, {"refresh": first["refresh"]}).status_code == 204
    assert Session.objects.get().ended_reason == "logged_out"


def test_is_content_with_what_ended_already(api, olivia, sign_in):
    pair = sign_in(olivia)

    statuses = [api.post(URL, {"refresh": pair["refresh"]}).status_code for _ in range(2)]

    assert statuses == [204, 204]
    assert AuditLog.objects.filter(event="session.ended").count() == 1


def test_is_content_with_nonsense(api, olivia, sign_in):
    sign_in(olivia)

    assert api.post(URL, {"refresh": "nonsense"}).status_code == 204
    assert Session.objects.get().ended_at is None
