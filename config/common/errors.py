"""Domain errors and their one rendering as RFC 9457 problem documents."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

_registry: dict[str, type["DomainError"]] = {}


@dataclass(frozen=True, slots=True)
class FieldError:
    """One thing wrong with one part of a request; `pointer` is an RFC 6901 fragment such as `#/scopes/0`."""

    pointer: str
    message: str
    code: str = "invalid"
    location: str = "body"
    fix: str = ""

    def told(self, *, after: str = "") -> str:
        """Return its message and its fix in sentences, without the message if `after` has said that already."""
        message = "" if self.message == after else self.message
        return f"{message} {self.fix}".strip()

    def as_dict(self) -> dict[str, str]:
        """Return the member of a problem's `errors` array."""
        return {
            "pointer": self.pointer,
            "location": self.location,
            "code": self.code,
            "message": self.message,
            "fix": self.fix,
        }


class Faults(list[FieldError]):
    """What was found wrong with a request so far, to be reported at once."""

    def note(self, pointer: str, code: str, message: str, fix: str = "") -> None:
        """Add one fault of the body."""
        self.append(FieldError(pointer=pointer, code=code, message=message, fix=fix))


class DomainError(Exception):
    """A fact that prevents what was asked. `code` and `title` are constant per class and stable for clients."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"
    status: ClassVar[int] = 400
    fix: ClassVar[str] = "Read the detail, change the request and send it again."
    # The address of a registered problem type (RFC 9457, 4.2), where one says the same; else our own page is the type.
    registered_type: ClassVar[str] = ""
    # Members that the problem document has beyond the usual ones: what each means, and an example of it.
    members: ClassVar[Mapping[str, tuple[str, Any]]] = {}
    # Operations of the OpenAPI document that answer with it besides those that say so themselves.
    answered_by: ClassVar[tuple[str, ...]] = ()
    # When the same request can be sent again, where the status does not say it.
    retry: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        known = _registry.get(cls.code)
        if "code" in cls.__dict__:
            if known is not None and known.__qualname__ != cls.__qualname__:
                raise TypeError(f"{cls.code} is the code of {known.__qualname__} already.")
            _registry[cls.code] = cls

    def __init__(
        self,
        detail: str = "",
        *,
        errors: list[FieldError] | None = None,
        headers: Mapping[str, str] | None = None,
        **extras: Any,
    ) -> None:
        self.detail = detail or (self.__doc__ or self.title).strip().splitlines()[0]
        self.errors = errors or []
        self.headers = dict(headers or {})
        self.extras = extras
        super().__init__(self.detail)

    @classmethod
    def own_members(cls) -> Mapping[str, tuple[str, Any]]:
        """Return the members that this very class adds: those of its base are another error's."""
        own: Mapping[str, tuple[str, Any]] = cls.__dict__.get("members", {})
        return own

    @property
    def retry_after(self) -> str | None:
        """Seconds after which to try again, when known."""
        return self.headers.get("Retry-After")

    @property
    def wait(self) -> str:
        """Say to a person when to try again, where that is known."""
        return f"Try again in {_spelled(int(self.retry_after))}." if self.retry_after else ""

    @property
    def advice(self) -> str:
        """Say to a person what to do; `fix` speaks to programs, and of headers that no page shows."""
        return self.wait or self.fix

    def told(self) -> str:
        """Return what happened and what to do next, for a message above a page."""
        told = [fault.told(after=self.detail) for fault in self.errors] or [self.advice]
        return " ".join(filter(None, [self.detail, *told]))


def in_pointer(name: str) -> str:
    """Return a name as it stands in a pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def wait_until(moment: datetime, *, at: datetime) -> dict[str, str]:
    """Return the header that tells a client to come back at a moment, and no earlier."""
    return {"Retry-After": str(math.ceil((moment - at).total_seconds()))}


def _spelled(seconds: int) -> str:
    """Write a wait in the unit that fits it, rounded up: nobody comes back too early."""
    units = ((3_600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next(one for one in units if seconds > 2 * one[0] or seconds % one[0] == 0)
    count = -(-seconds // size)
    return f"{count} {unit}{'' if count == 1 else 's'}"


class InvalidInput(DomainError):
    """Some part of the request is not valid; `errors` says which."""

    code = "invalid_input"
    title = "The request is not valid"
    fix = "Correct each place that `errors` points to; its `fix` says how."

    @classmethod
    def at(
        cls, pointer: str, *, code: str, message: str, fix: str = "", location: str = "body"
    ) -> Self:
        """Return the refusal of a request in which one part is wrong."""
        return cls(message, errors=[FieldError(pointer, message, code, location, fix)])


class MalformedRequest(DomainError):
    """The request is not well-formed HTTP, or its body not well-formed JSON of the accepted kind."""

    code = "malformed_request"
    title = "The request cannot be read"
    fix = "Send well-formed HTTP/1.1, and one JSON document in UTF-8, at most 32 levels deep, without NUL characters."


class Unauthenticated(DomainError):
    """The request needs credentials, or those it has are not accepted."""

    code = "unauthenticated"
    title = "Authentication is needed"
    status = 401
    fix = "Sign in and send `Authorization: Bearer <access token>`, or send an API key."


class Forbidden(DomainError):
    """You are not allowed to do this."""

    code = "forbidden"
    title = "Not permitted"
    status = 403
    members = {"permission": ("The permission that is wanted.", "keys:write")}
    fix = "Ask an owner of the organization for a role that permits it."


class CsrfFailed(DomainError):
    """The form was not sent from a page of this site, or its token is too old."""

    code = "csrf_failed"
    title = "The form could not be verified"
    status = 403
    fix = "Open the page again and send the form once more."


class NotFound(DomainError):
    """There is nothing here for the caller."""

    code = "not_found"
    title = "Not found"
    status = 404
    fix = "Check the path and the id. What belongs to another organization looks exactly like this."

    @property
    def advice(self) -> str:
        """Say to a person what to do: nothing, as they have no path and no id in hand."""
        return self.wait


class MethodRefused(DomainError):
    """The method is not one that this path answers."""

    code = "method_not_allowed"
    title = "Method not allowed"
    status = 405
    fix = "Use one of the methods in the `Allow` header."


class NotAcceptable(DomainError):
    """None of the media types that the client accepts can be produced."""

    code = "not_acceptable"
    title = "Not acceptable"
    status = 406
    fix = "Accept `application/json`."


class Conflict(DomainError):
    """The request contradicts the present state."""

    code = "conflict"
    title = "In conflict with the present state"
    status = 409


class PayloadTooLarge(DomainError):
    """The body is larger than this path accepts."""

    code = "payload_too_large"
    title = "The body is too large"
    status = 413
    fix = "Send a smaller body; the limit is in the detail."


class HeadersTooLarge(DomainError):
    """The request's address and headers together are larger than 16 kB."""

    code = "headers_too_large"
    title = "The headers are too large"
    status = 431
    fix = "Send fewer or smaller headers, cookies above all, and a shorter address."


class UnsupportedMediaType(DomainError):
    """The body's media type is not one that this path reads."""

    code = "unsupported_media_type"
    title = "Unsupported media type"
    status = 415
    fix = "Send the JSON as it is, with `Content-Type: application/json`."


class TooManyRequests(DomainError):
    """Too many requests in too short a time."""

    code = "rate_limited"
    title = "Too many requests"
    status = 429
    # draft-ietf-httpapi-ratelimit-headers-10 registers it for rates and quotas alike.
    registered_type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    fix = "Wait as many seconds as `Retry-After` says, then try again."
    members = {"violated_policies": ("Which of the caller's policies refused.", ["person"])}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Who knows better says so; nobody is told to come back without hearing when.
        self.headers.setdefault("Retry-After", "1")


class InternalError(DomainError):
    """Something failed on our side. The request id leads us to it."""

    code = "internal_error"
    title = "Internal error"
    status = 500
    fix = "Try again; if it goes on, send us the request id."


class ServiceUnavailable(DomainError):
    """A part that this request needs cannot be reached at the moment."""

    code = "service_unavailable"
    title = "Temporarily unavailable"
    status = 503
    fix = "Try again after as many seconds as `Retry-After` says."


def error_classes() -> Iterator[type[DomainError]]:
    """Every error class of the product, by code: the source of the documentation pages."""
    return iter([_registry[code] for code in sorted(_registry)])


def error_class(code: str) -> type[DomainError] | None:
    """Return the error class with this code, if there is one."""
    return _registry.get(code)
