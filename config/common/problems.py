"""Problem documents (RFC 9457): from a domain error to the response, for DRF, Django and pages alike."""

import math
from typing import Any

import orjson
import structlog
from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DataError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from rest_framework import exceptions as drf
from rest_framework.response import Response
from rest_framework.views import set_rollback

from config.common import context, errors

logger = structlog.get_logger(__name__)
CONTENT_TYPE = "application/problem+json"
_MAX_MESSAGE = 300
Problem = dict[str, Any]
# Of a list with thousands of wrong members the first ones tell enough, in less than 100 kB.
MAX_FIELD_ERRORS = 250
_REQUEST_ID = "4f0c6d2a9b1e4c7f8a3d5e6b7c8d9e0f"


def type_url(code: str) -> str:
    """Return the address of the page that documents an error."""
    return f"{settings.PUBLIC_URL}/problems/{code}"


def instance_of(request_id: str) -> str:
    """Return what names this occurrence: the request, never the path, which would tell a foreign id from a missing one."""
    return f"urn:tollgate:request:{request_id}"


def document(error: errors.DomainError) -> Problem:
    """Return the problem document of one error; extras become members of their own."""
    request_id = context.current().request_id
    return {
        "type": error.registered_type or type_url(error.code),
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": instance_of(request_id),
        "code": error.code,
        "request_id": request_id,
        "errors": [item.as_dict() for item in _told(error.errors)],
        **error.extras,
    }


def example_of(cls: type[errors.DomainError]) -> Problem:
    """Return a problem document of an error class, for documentation."""
    error = cls()
    if cls is errors.InvalidInput:
        error.errors = [
            errors.FieldError(
                "#/ip_allowlist/2",
                "This is not an address or network such as 203.0.113.0/24.",
                "network",
            )
        ]
    error.extras = {
        name: example for name, (_, example) in cls.own_members().items()
    } | error.extras
    with context.use(context.Context(request_id=_REQUEST_ID)):
        return document(error)


def _told(faults: list[errors.FieldError]) -> list[errors.FieldError]:
    """Keep an answer small: of very many faults those of whole lists come before those of single members."""
    if len(faults) <= MAX_FIELD_ERRORS:
        return faults
    return sorted(faults, key=lambda fault: fault.pointer.count("/"))[:MAX_FIELD_ERRORS]


def headers_of(error: errors.DomainError) -> dict[str, str]:
    """Return the headers that go with an error, the challenge of a 401 included."""
    headers = dict(error.headers)
    if error.status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="api"')
    if error.status == 503:
        headers.setdefault("Retry-After", "5")
    return headers


def exception_handler(exc: Exception, view_context: dict[str, Any]) -> Response | None:
    """Render whatever a DRF view raised as a problem document; unknown exceptions stay exceptions."""
    error = as_domain_error(exc)
    if error is None:
        return None
    log_outage(exc)
    set_rollback()
    return Response(
        document(error),
        status=error.status,
        headers=headers_of(error),
        content_type=CONTENT_TYPE,
    )


def as_domain_error(exc: BaseException) -> errors.DomainError | None:
    """Translate an exception of Django, DRF or the database driver; None when it is a defect of ours."""
    if isinstance(exc, errors.DomainError):
        return exc
    if isinstance(exc, drf.APIException):
        return _from_drf(exc)
    if _is_outage(exc):
        return errors.ServiceUnavailable()
    for kinds, error in _FROM_DJANGO:
        if isinstance(exc, kinds):
            return error()
    return None


def log_outage(exc: BaseException) -> None:
    """Say in the log why a request was answered 503: which error of the driver, its SQLSTATE, and its first line.

    Further lines may quote rows; what looks like a secret is redacted, as everywhere in the log.
    """
    if _is_outage(exc):
        cause = exc.__cause__ or exc
        said = str(cause).partition("\n")[0][:300]
        kind, state = type(cause).__name__, getattr(cause, "sqlstate", None)
        logger.warning("database_unavailable", error=kind, sqlstate=state, said=said)


def _is_outage(exc: BaseException) -> bool:
    """Whether the database cannot serve for the moment, so that the same request may succeed later."""
    if isinstance(exc, InternalError):
        return getattr(exc.__cause__, "sqlstate", None) in _ENDED
    return isinstance(exc, _AWAY)


_AWAY = (OperationalError, InterfaceError)
# What the driver files under internal errors although nothing is wrong inside: the server is read-only, say a standby
# after a switch-over, or it ended a transaction that lasted too long or stood idle.
_ENDED = frozenset({"25006", "25P03", "25P04"})
_FROM_DJANGO: list[tuple[tuple[type[Exception], ...], type[errors.DomainError]]] = [
    ((Http404,), errors.NotFound),
    ((PermissionDenied,), errors.Forbidden),
    ((RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent), errors.PayloadTooLarge),
    (
        (SuspiciousOperation, BadRequest, MultiPartParserError, UnreadablePostError),
        errors.MalformedRequest,
    ),
    # A value that no form looked at and no column takes, such as a NUL character in a filter.
    ((DataError,), errors.InvalidInput),
]
_FROM_DRF: list[tuple[type[drf.APIException], type[errors.DomainError]]] = [
    (drf.ParseError, errors.MalformedRequest),
    (drf.NotAuthenticated, errors.Unauthenticated),
    (drf.AuthenticationFailed, errors.Unauthenticated),
    (drf.PermissionDenied, errors.Forbidden),
    (drf.NotFound, errors.NotFound),
    (drf.MethodNotAllowed, errors.MethodRefused),
    (drf.NotAcceptable, errors.NotAcceptable),
    (drf.UnsupportedMediaType, errors.UnsupportedMediaType),
]


def _from_drf(exc: drf.APIException) -> errors.DomainError:
    if isinstance(exc, drf.ValidationError):
        return errors.InvalidInput(errors=_field_errors(exc.get_full_details(), "#"))
    if isinstance(exc, drf.Throttled):
        seconds = max(1, math.ceil(getattr(exc, "wait", None) or 0))
        return errors.TooManyRequests(headers={"Retry-After": str(seconds)})
    for kind, error in _FROM_DRF:
        if isinstance(exc, kind):
            return error(str(exc.detail), headers=_challenge(exc))
    return errors.DomainError(str(exc.detail))


def _challenge(exc: drf.APIException) -> dict[str, str]:
    """Return what DRF found out about the way to authenticate."""
    challenge = getattr(exc, "auth_header", None)
    return {"WWW-Authenticate": challenge} if challenge else {}


def _field_errors(details: Any, pointer: str) -> list[errors.FieldError]:
    """Flatten DRF's nested error details into pointers."""
    if _is_message(details):
        message = str(details["message"])
        # Some repeat what was sent, which may be as long as a body.
        message = message if len(message) <= _MAX_MESSAGE else f"{message[:_MAX_MESSAGE]}…"
        return [errors.FieldError(pointer=pointer, message=message, code=str(details["code"]))]
    if isinstance(details, list):
        nested = [
            _field_errors(item, pointer if _is_message(item) else f"{pointer}/{index}")
            for index, item in enumerate(details)
        ]
        return [error for group in nested for error in group]
    nested = [
        _field_errors(
            item,
            pointer if name == "non_field_errors" else f"{pointer}/{errors.in_pointer(str(name))}",
        )
        for name, item in details.items()
    ]
    return [error for group in nested for error in group]


def _is_message(item: Any) -> bool:
    # Members of a request may be called `message` and `code`, too: then lists of messages are below these names.
    return (
        isinstance(item, dict)
        and {"message", "code"} <= item.keys()
        and isinstance(item["message"], str)
    )


def response(request: HttpRequest, error: errors.DomainError) -> HttpResponse:
    """Answer a request outside DRF: a page where the client asked for HTML, else a problem document."""
    if wants_html(request):
        answer = HttpResponse(_page(error), status=error.status)
    else:
        answer = HttpResponse(
            orjson.dumps(document(error)),
            status=error.status,
            content_type=CONTENT_TYPE,
        )
    for name, value in headers_of(error).items():
        answer[name] = value
    answer["Cache-Control"] = "no-store"
    answer["Content-Length"] = str(len(answer.content))
    return answer


def wants_html(request: HttpRequest) -> bool:
    """Whether the client is a browser looking at a page; the API never answers in HTML."""
    return not request.path.startswith(("/api/", "/gateway/", "/.well-known/")) and (
        "text/html" in request.headers.get("Accept", "")
    )


def _page(error: errors.DomainError) -> str:
    values = {
        "error": error,
        "request_id": context.current().request_id,
        "public_url": settings.PUBLIC_URL,
    }
    try:
        return render_to_string(f"{error.status}.html", values)
    except TemplateDoesNotExist:
        return render_to_string("400.html", values)
