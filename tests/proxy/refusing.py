"""What a refused call looks like to the client of a proxy, and calls that only curl makes."""

import subprocess
from dataclasses import dataclass
from typing import Any

import httpx

from tests.doubles.stack import PUBLIC_URL

QUOTA_TYPE = "https://iana.org/assignments/http-problem-types#quota-exceeded"


def require_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a refusal is a whole problem document and return it."""
    problem: dict[str, Any] = response.json()
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (response.status_code, problem["code"]) == (status, code)
    assert problem["status"] == status
    own_type = f"{PUBLIC_URL}/problems/{code}"
    assert problem["type"] == (QUOTA_TYPE if status == 429 else own_type)
    assert {"title", "detail", "instance", "errors"} <= problem.keys()
    assert problem["request_id"] == response.headers["X-Request-Id"]
    return problem


@dataclass(frozen=True)
class Answer:
    """What curl saw."""

    status: int
    content_type: str
    body: str


def curl(*arguments: str) -> Answer:
    """Make one call with curl."""
    told = subprocess.run(
        ["curl", "--silent", "--write-out", "\\n%{http_code} %{content_type}", *arguments],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    body, _, last = told.rpartition("\n")
    status, _, content_type = last.partition(" ")
    return Answer(int(status), content_type, body)
