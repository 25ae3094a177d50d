"""Refuses or drops bytes that no browser sends and no database stores, before anything reads them."""

import re
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from config.common import errors, problems
from config.common.middleware import GetResponse

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_FORMS = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class CleanInputMiddleware:
    """Looks at the path, the query, the cookies and the charset of forms; bodies have strict readers of their own."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        error = _wrong_with(request)
        if error is not None:
            return problems.response(request, error)
        # Quoted cookies can hold any character. A damaged one is dropped: refusing it would lock its owner out.
        request.COOKIES = {
            name: value
            for name, value in request.COOKIES.items()
            if not _CONTROL.search(name + value)
        }
        return self.get_response(request)


def _wrong_with(request: HttpRequest) -> errors.DomainError | None:
    if "\x00" in request.path_info:
        return errors.NotFound()
    charset = (request.content_params or {}).get("charset", "utf-8")
    if request.content_type in _FORMS and charset.lower() not in {"utf-8", "utf8"}:
        return errors.MalformedRequest("Forms are read in UTF-8 only.")
    pairs = request.META.get("QUERY_STRING", "").split("&")
    if len(pairs) > settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
        return errors.MalformedRequest("The query has too many parameters.")
    faults = [fault for pair in pairs if "%" in pair and (fault := _fault(pair)) is not None]
    return errors.InvalidInput(errors=faults) if faults else None


def _fault(pair: str) -> errors.FieldError | None:
    """Return what is wrong with the bytes of one parameter."""
    raw = unquote_to_bytes(pair)
    if b"\x00" in raw:
        code, message = "nul_character", "The parameter holds a NUL character."
    elif raw.decode(errors="ignore").encode() != raw:
        code, message = "encoding", "The parameter is not UTF-8."
    else:
        return None
    name = re.sub(r"[^A-Za-z0-9_-]", "?", pair.partition("=")[0])[:50]
    return errors.FieldError(
        pointer=f"#/{name}",
        location="query",
        code=code,
        message=message,
        fix="Send text in UTF-8, percent-encoded, without U+0000.",
    )
