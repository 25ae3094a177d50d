"""The documentation of errors at the `type` of each problem document, made from the error classes and the OpenAPI document."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from config.common import errors, problems
from config.common.shared_descriptions import resolved

_CODE = re.compile(r"`([a-z0-9_]+)`")
_UNCHANGED = "No: the same request gets the same answer until what stands in its way is gone."
# Whether the same request may be sent again, by status, where a class does not say it itself.
_RETRY = {
    401: "After signing in again, or with other credentials.",
    408: "Yes, unchanged and at once, over a connection that is fast enough.",
    412: "After reading what has changed since, with its new `ETag`.",
    429: "Yes, unchanged, after as many seconds as `Retry-After` says.",
    500: "Yes, with growing pauses; under an `Idempotency-Key` it is carried out once.",
    503: "Yes, unchanged, after as many seconds as `Retry-After` says.",
}
_OF_THE_GATE = (
    "The gate answers with it where a call with a key is refused, such as at `/gateway/authorize`."
)
_OF_ANY = "No operation in particular: it is met at any address, on pages, or in the back office."
_RETRYABLE = frozenset({408, 429, 500, 503})


@dataclass(frozen=True, slots=True)
class Use:
    """An operation that can answer with an error."""

    id: str
    method: str
    path: str
    summary: str
    tag: str


@require_safe
def problem_list(request: HttpRequest) -> HttpResponse:
    """List every error the API can answer with by its status, or those that a search finds."""
    q = request.GET.get("q", "").strip()[:80]
    found = [described(cls) for cls in errors.error_classes() if _matches(cls, q)]
    found.sort(key=lambda row: (row["status"], row["code"]))
    groups = [
        {"status": status, "name": HTTPStatus(status).phrase, "problems": list(rows)}
        for status, rows in groupby(found, key=lambda row: row["status"])
    ]
    context = {"groups": groups, "q": q, "count": len(found)}
    return render(request, "problems/problem_list.html", context)


@require_safe
def problem_detail(request: HttpRequest, code: str) -> HttpResponse:
    """Explain one error: the page behind the `type` of a problem document."""
    cls = errors.error_class(code)
    if cls is None:
        raise errors.NotFound
    uses = sorted(uses_by_code().get(code, ()), key=lambda use: (use.tag, use.path, use.method))
    areas = [
        {"name": tag, "uses": list(rows)} for tag, rows in groupby(uses, key=lambda use: use.tag)
    ]
    context = {"problem": described(cls), "areas": areas, "count": len(uses)}
    return render(request, "problems/problem_detail.html", context)


def described(cls: type[errors.DomainError]) -> dict[str, Any]:
    """Return what the pages say of an error class."""
    summary, _, more = (cls.__doc__ or cls.title).strip().partition("\n")
    return {
        "code": cls.code,
        "title": cls.title,
        "status": cls.status,
        "phrase": HTTPStatus(cls.status).phrase,
        "type": cls.registered_type or problems.type_url(cls.code),
        "summary": summary,
        "more": " ".join(more.split()),
        "fix": cls.fix,
        "retry": cls.retry or _RETRY.get(cls.status, _UNCHANGED),
        "is_retryable": cls.status in _RETRYABLE or bool(cls.retry),
        "members": [
            {"name": name, "meaning": meaning} for name, (meaning, _) in cls.own_members().items()
        ],
        "example": problems.example_of(cls),
        "place": _OF_THE_GATE if cls.__module__.startswith("apikeys.gateway") else _OF_ANY,
    }


def _matches(cls: type[errors.DomainError], text: str) -> bool:
    words = f"{cls.code} {cls.title} {cls.status} {cls.__doc__} {cls.fix}".lower()
    return all(word in words for word in text.lower().split())


@cache
def uses_by_code() -> dict[str, list[Use]]:
    """Return which operations can answer with which error, as the OpenAPI document says; made once for each process."""
    generator = SchemaGenerator(api_version="v1")  # type: ignore[no-untyped-call]
    document: dict[str, Any] = generator.get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    found: dict[str, list[Use]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            use = Use(
                operation["operationId"],
                method.upper(),
                path,
                operation["summary"],
                operation["tags"][0],
            )
            for code in sorted(set(_codes_of(document, operation))):
                found.setdefault(code, []).append(use)
    return found


def _codes_of(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    told = [operation.get("description", "")]
    for status, one in operation["responses"].items():
        response = resolved(document, one)
        media = response.get("content", {}).get(problems.CONTENT_TYPE, {})
        yield from media.get("examples", ())
        if status >= "400":
            told.append(response.get("description", ""))
    yield from (code for code in _CODE.findall(" ".join(told)) if errors.error_class(code))
