"""Verdicts as bytes: problem documents, their headers, and the form that nginx's auth_request can carry."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from itertools import count
from secrets import token_hex
from typing import Any, Final

import orjson

from config.common.errors import DomainError

_MAX_INSTANCE: Final = 200
# With the other headers it must fit into nginx's default buffer of 4 kB, in plain and in base64.
_MAX_NGINX_JSON: Final = 1000
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9_-]{8,64}")

# 64 random bits of this process and a counter: unique like a random id, at a tenth of its price.
_process_id = token_hex(8).encode()
_serial = count(1)

Answer = tuple[int, bytes, bytes]


def new_request_id() -> bytes:
    """Return the id of one call, 32 hexadecimal digits."""
    return b"%b%016x" % (_process_id, next(_serial))


def is_request_id(text: bytes) -> bool:
    """Whether somebody else's id of a call can be ours: 8 to 64 letters, digits, hyphens or underscores."""
    if text.isalnum():
        return 8 <= len(text) <= 64
    return _REQUEST_ID.fullmatch(text) is not None


def renew_process_id() -> None:
    """Choose another random part; called when a process begins to serve, because forked ones share memory."""
    global _process_id  # noqa: PLW0603  one value per process is the point
    _process_id = token_hex(8).encode()


def header_lines(headers: Iterable[tuple[str, str]]) -> bytes:
    """Return header lines; what is not printable ASCII is cut out, so that no value can end its line."""
    lines = (f"{name.lower()}: {_UNPRINTABLE.sub('', value)}\r\n" for name, value in headers)
    return "".join(lines).encode("ascii")


class Writer:
    """Puts errors and documents into bytes for one installation."""

    def __init__(self, public_url: str, security_headers: Iterable[tuple[str, str]]) -> None:
        self.public_url = public_url
        self._private = header_lines((*security_headers, ("Cache-Control", "no-store")))

    def problem(
        self, error: DomainError, request_id: bytes, instance: str, numbers: bytes = b""
    ) -> Answer:
        """Return an error as the client sees it (RFC 9457)."""
        body = orjson.dumps(self._document(error, request_id, instance))
        return error.status, self._problem_head(error, request_id, numbers), body

    def nginx_problem(
        self, error: DomainError, request_id: bytes, instance: str, numbers: bytes = b""
    ) -> Answer:
        """Return an error as nginx's auth_request can carry it: 401 or 403, everything else in headers, no body."""
        document = self._document(error, request_id, instance)
        text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
        if len(text) > _MAX_NGINX_JSON:
            document = {**document, "instance": "", "errors": []}
            text = json.dumps(document, ensure_ascii=True, separators=(",", ":"))
        plain = header_lines((*error.headers.items(), ("Cache-Control", "no-store")))
        head = (
            plain
            + numbers
            + _id_line(request_id)
            + header_lines(
                (
                    ("X-Auth-Status", str(error.status)),
                    ("X-Auth-Problem", base64.b64encode(text.encode()).decode()),
                    ("X-Auth-Problem-Json", text),
                )
            )
        )
        return 401 if error.status == 401 else 403, head, b""

    def document(self, body: bytes, request_id: bytes) -> Answer:
        """Return a JSON document with status 200."""
        head = b"content-type: application/json\r\nx-request-id: %b\r\n" % request_id
        return 200, head + self._private, body

    def _document(self, error: DomainError, request_id: bytes, instance: str) -> dict[str, Any]:
        return {
            "type": error.registered_type or f"{self.public_url}/problems/{error.code}",
            "title": error.title,
            "status": error.status,
            "detail": error.detail,
            "instance": _UNPRINTABLE.sub("?", instance)[:_MAX_INSTANCE],
            "code": error.code,
            "request_id": request_id.decode("ascii"),
            "errors": [item.as_dict() for item in error.errors],
            **error.extras,
        }

    def _problem_head(self, error: DomainError, request_id: bytes, numbers: bytes) -> bytes:
        headers: Mapping[str, str] = {"Content-Type": "application/problem+json", **error.headers}
        head = header_lines(headers.items()) + self._private
        return head + numbers + _id_line(request_id)


def _id_line(request_id: bytes) -> bytes:
    return b"x-request-id: %b\r\n" % request_id
