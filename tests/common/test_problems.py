"""Whatever goes wrong is answered as RFC 9457, or as a page where the client asked for one."""

import gzip

import psycopg
import pytest
from django.db import InternalError, OperationalError, connection, transaction
from django.test import Client
from structlog.testing import capture_logs

from accounts import services
from config.common import errors, problems
from config.common.logs import redact_secrets

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id", "errors"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    return Client(raise_request_exception=False)


def test_an_unknown_path_is_a_problem(client):
    answer = client.get("/api/v1/nothing", headers={"X-Request-Id": "request-0001"})

    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["X-Request-Id"] == "request-0001"
    assert answer.json() == {
        "type": "http://testserver/problems/not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is nothing here for the caller.",
        "instance": "urn:tollgate:request:request-0001",
        "code": "not_found",
        "request_id": "request-0001",
        "errors": [],
    }


@pytest.mark.parametrize(
    ("method", "accept", "status"),
    [("post", "*/*", 405), ("options", "*/*", 405), ("delete", "application/json", 405)],
)
def test_what_the_api_reference_refuses_is_a_problem(client, method, accept, status):
    answer = getattr(client, method)("/docs/", headers={"Accept": accept})

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["code"], answer["Allow"]) == ("method_not_allowed", "GET, HEAD")


def test_the_api_reference_is_a_page_whatever_is_accepted(client):
    answer = client.get("/docs/", headers={"Accept": "application/json"})

    assert (answer.status_code, answer["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_a_browser_gets_a_page(client):
    answer = client.get("/nothing/", headers={"Accept": "text/html"})

    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/html")


def test_the_api_never_answers_in_html(client):
    answer = client.get("/api/v1/nothing", headers={"Accept": "text/html"})

    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/api/v1/users/me", "/gateway/authorize"])
def test_a_stray_slash_is_told_the_right_path(client, path):
    answer = client.get(f"{path}/")

    assert answer.status_code == 404
    assert answer.json()["detail"] == f"API paths have no trailing slash: {path}"


@pytest.mark.django_db
def test_what_is_sent_to_a_page_without_its_slash_is_not_led_elsewhere(client):
    """Clients that follow a redirect send nothing but a GET."""
    led = client.get("/login?next=/keys/")
    sent = client.post("/login", headers={"Accept": "application/json"})
    nowhere = client.post("/nowhere", headers={"Accept": "application/json"})

    assert (led.status_code, led["Location"]) == (301, "/login/?next=/keys/")
    assert (sent.status_code, sent.json()["detail"]) == (404, "Pages end with a slash: /login/")
    assert nowhere.json()["detail"] == "There is nothing here for the caller."


@pytest.mark.parametrize("offered", ["short", "x" * 65, "bad id!!", "a\tb-cdefgh"])
def test_a_bad_request_id_is_replaced(client, offered):
    answer = client.get("/healthz", headers={"X-Request-Id": offered})

    assert len(answer["X-Request-Id"]) == 32


def test_a_wrong_method_says_which_are_right(client):
    answer = client.delete("/api/v1/auth/login")

    assert answer.status_code == 405
    assert answer.json()["code"] == "method_not_allowed"
    assert "POST" in answer["Allow"]


def test_a_large_body_is_refused_unread(client, settings):
    answer = client.post(
        "/api/v1/auth/login",
        b"x" * (settings.MAX_BODY_BYTES + 1),
        content_type="application/json",
    )

    assert answer.status_code == 413
    assert answer.json()["code"] == "payload_too_large"


def test_another_media_type_is_refused(client):
    answer = client.post("/api/v1/auth/login", "a=b", content_type="text/csv")

    assert answer.status_code == 415
    assert answer.json()["code"] == "unsupported_media_type"


def test_a_packed_body_is_refused(client):
    body = gzip.compress(b"{}")

    answer = client.post(
        "/api/v1/auth/login",
        body,
        content_type="application/json",
        headers={"Content-Encoding": "gzip"},
    )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.headers["Accept-Encoding"] == "identity"


def test_a_foreign_host_is_refused(client):
    answer = client.get("/api/v1/users/me", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert answer.json()["code"] == "malformed_request"
    assert answer.json()["title"] == "The request cannot be read"


def test_a_defect_of_ours_leaks_nothing(client, monkeypatch):
    def burst(*_args, **_kwargs):
        raise RuntimeError("SELECT secret FROM /srv/tollgate")

    monkeypatch.setattr("accounts.services.sign_in.begin", burst)

    answer = client.post(
        "/api/v1/auth/login",
        {"email": "a@b.test", "password": "x" * 12},
        content_type="application/json",
    )

    assert answer.status_code == 500
    assert set(answer.json()) == MEMBERS
    assert "SELECT" not in answer.content.decode()
    assert "Traceback" not in answer.content.decode()


def test_a_failed_csrf_check_is_a_problem():
    answer = Client(enforce_csrf_checks=True).post("/login/", {"email": "a@b.test"})

    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_failed"


@pytest.mark.parametrize("cls", list(errors.error_classes()), ids=lambda cls: cls.code)
def test_every_error_has_a_page_at_its_type(client, cls):
    path = problems.type_url(cls.code).removeprefix("http://testserver")

    answer = client.get(path, headers={"Accept": "text/html"})

    assert answer.status_code == 200
    assert cls.title in answer.content.decode()


def test_every_error_says_what_to_do():
    silent = [cls.code for cls in errors.error_classes() if not (cls.__doc__ and cls.fix)]

    assert silent == []


def test_a_code_belongs_to_one_class():
    with pytest.raises(TypeError, match="not_found"):
        type("Another", (errors.DomainError,), {"code": "not_found"})


def test_the_log_says_which_database_error_a_503_comes_from(api_as, olivia, monkeypatch):
    client = api_as(olivia)

    def broken(*_arguments, **_values):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(1)")

    monkeypatch.setattr(services.profile, "update_profile", broken)
    with capture_logs() as logs, transaction.atomic():
        answer = client.patch("/api/v1/users/me", {"full_name": "Olivia"})
        transaction.set_rollback(True)

    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    (line,) = [entry for entry in logs if entry["event"] == "database_unavailable"]
    assert line == {
        "event": "database_unavailable",
        "log_level": "warning",
        "error": "QueryCanceled",
        "sqlstate": "57014",
        "said": "canceling statement due to statement timeout",
    }


def test_a_read_only_server_is_a_503(api_as, olivia, monkeypatch):
    client = api_as(olivia)
    change = services.profile.update_profile

    def stood_by(*arguments, **values):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL transaction_read_only = on")
        return change(*arguments, **values)

    monkeypatch.setattr(services.profile, "update_profile", stood_by)
    with capture_logs() as logs, transaction.atomic():
        answer = client.patch("/api/v1/users/me", {"full_name": "Somebody Else"})
        transaction.set_rollback(True)

    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable")
    assert answer["Retry-After"] == "5"
    (line,) = [entry for entry in logs if entry["event"] == "database_unavailable"]
    assert (line["error"], line["sqlstate"]) == ("ReadOnlySqlTransaction", "25006")
    olivia.refresh_from_db()
    assert olivia.full_name != "Somebody Else"


@pytest.mark.parametrize(
    "sqlstate", ["25006", "25P03", "25P04", "40001", "40P01", "53100", "53300", "55P03", "57P01"]
)
def test_what_the_server_cannot_do_for_the_moment_is_a_503(sqlstate):
    cause = psycopg.errors.lookup(sqlstate)("x")
    wrapped = {psycopg.InternalError: InternalError, psycopg.OperationalError: OperationalError}
    error = next(theirs for ours, theirs in wrapped.items() if isinstance(cause, ours))("x")
    error.__cause__ = cause

    assert isinstance(problems.as_domain_error(error), errors.ServiceUnavailable)


@pytest.mark.parametrize("sqlstate", ["25P02", "XX000"])
def test_a_defect_at_the_database_stays_a_defect(sqlstate):
    error = InternalError("x")
    error.__cause__ = psycopg.errors.lookup(sqlstate)("x")

    assert problems.as_domain_error(error) is None
    assert problems.as_domain_error(InternalError("x")) is None


def test_an_outage_is_told_without_rows_and_passwords():
    cause = psycopg.OperationalError("no way to postgresql://u:pw-1@h/d\nDETAIL: (x@example.com)")
    error = OperationalError("x")
    error.__cause__ = cause

    with capture_logs(processors=[redact_secrets]) as logs:
        problems.log_outage(error)
        problems.log_outage(ValueError("not of the database"))

    (line,) = logs
    assert "example.com" not in line["said"]
    assert "pw-1" not in line["said"]


def test_of_thousands_of_faults_the_first_ones_are_told():
    faults = [errors.FieldError(f"#/roles/{number}", "Bad.") for number in range(5000)]
    whole = errors.FieldError("#/roles", "Too many.")

    told = problems.document(errors.InvalidInput(errors=[*faults, whole]))["errors"]

    assert [error["pointer"] for error in told] == [
        "#/roles",
        *(f"#/roles/{n}" for n in range(problems.MAX_FIELD_ERRORS - 1)),
    ]


def test_what_a_refusal_says_twice_is_read_once():
    one = errors.InvalidInput.at(
        "#/until", code="past", message="It lies in the past.", fix="Give a later time."
    )
    many = errors.Faults()
    many.note("#/a", "a", "A is wrong.", "Mend A.")
    many.note("#/b", "b", "B is wrong.")

    assert one.told() == "It lies in the past. Give a later time."
    assert errors.InvalidInput("Two things.", errors=many).told() == (
        "Two things. A is wrong. Mend A. B is wrong."
    )
    assert errors.Unauthenticated("Who?").told() == f"Who? {errors.Unauthenticated.fix}"
