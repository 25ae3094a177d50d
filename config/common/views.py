"""The base of every API view: idempotency keys, entity tags, announcements and rate fields, without the view's doing."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, TypeVar

from django.db import DatabaseError, transaction
from django.http import HttpResponse, HttpResponseBase, HttpResponseNotModified
from django.utils import timezone
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.common import conditional, context, deprecation, idempotency, query, ratelimit
from config.common.deprecation import Deprecation
from config.common.errors import DomainError, error_class
from config.common.fields import StrictSerializer
from config.common.idempotency import Claim, Idempotency

Handler = Callable[..., HttpResponseBase]
ShapeT = TypeVar("ShapeT", bound=StrictSerializer)
_HANDLED = ("GET", "POST", "PUT", "PATCH", "DELETE")
_KEYED = frozenset({"POST", "PATCH"})
_CONDITIONAL = frozenset({"PUT", "PATCH", "DELETE"})
_TAGGED = frozenset({"GET", "HEAD", "PUT", "PATCH"})
_ON_304 = ("ETag", "Cache-Control", "Content-Location", "Vary", "Link")


class AsItIs(DefaultContentNegotiation):
    """Lets a file or a page be asked for as what it is, whatever else the client accepts."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> Any:
        """Take the first renderer; refusals are told in its media type, or in JSON."""
        return renderers[0], renderers[0].media_type


class ApiView(APIView):
    """A view that keeps the promises of the API's conventions (docs/api.md).

    A POST or PATCH under an idempotency key is carried out once, in one transaction with its recorded answer. Where
    the same path answers GET, what is read has an entity tag, and `If-Match` is compared under the row's lock.
    """

    # Not OPTIONS: the OpenAPI document tells what there is.
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    idempotency: ClassVar[Idempotency] = Idempotency.OPTIONAL
    # The methods that read the query string themselves; all others refuse whatever is in it.
    query_methods: ClassVar[frozenset[str]] = frozenset()
    # The methods that take no body; whatever is sent along is refused.
    bodyless_methods: ClassVar[frozenset[str]] = frozenset({"DELETE"})
    # Members that change without anybody changing the row, such as `last_used_at`.
    volatile_members: ClassVar[frozenset[str]] = frozenset()
    # What any of its methods may be refused with, beyond what every operation may.
    problems: ClassVar[tuple[type[DomainError], ...]] = ()
    deprecations: ClassVar[tuple[Deprecation, ...]] = ()
    # Set while `If-Match` is compared: the row that is read then stays as it is until the end of the transaction.
    is_locking = False

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let the caller in, then put the conventions around the handler; a method without one is left to its 405."""
        method = request.method or ""
        has_key = idempotency.HEADER in request.headers and not _is_form_of_parts(request)
        if has_key or method in self.bodyless_methods:
            # As it came, before the check against forged requests parses it: it could not be read any more.
            _raw_body(request)
        super().initial(request, *args, **kwargs)
        if method not in self.allowed_methods:
            return
        if ("GET" if method == "HEAD" else method) not in self.query_methods:
            query.read(request)
        if method in self.bodyless_methods and _raw_body(request):
            self.sent(StrictSerializer)
        if method in _KEYED | _CONDITIONAL:
            self._wrap(method, request)

    def _wrap(self, method: str, request: Request) -> None:
        """Have the handler carried out under the idempotency key and the `If-Match` that were sent."""
        handler = getattr(self, method.lower())
        header = request.headers.get(idempotency.HEADER)
        key = idempotency.key_of(header, self.idempotency) if method in _KEYED else None
        wants_match = method in _CONDITIONAL and "If-Match" in request.headers
        if "If-Match" in request.headers and not wants_match:
            raise conditional.not_conditional()
        if key is not None or wants_match:
            carry_out = partial(self._carry_out, handler, key, wants_match=wants_match)
            setattr(self, method.lower(), carry_out)

    def sent(self, shape: type[ShapeT]) -> ShapeT:
        """Return the request's body, read in its shape. Raises ValidationError."""
        serializer = shape(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return serializer

    def body(self, shape: type[StrictSerializer]) -> dict[str, Any]:
        """Return the values of the request's body. Raises ValidationError."""
        return dict(self.sent(shape).validated_data)

    def lock(self) -> None:
        """Lock what the path names and read it again; for views that do not read it through `row`."""

    def _carry_out(
        self,
        handler: Handler,
        key: str | None,
        request: Request,
        *args: Any,
        wants_match: bool,
        **kwargs: Any,
    ) -> HttpResponseBase:
        with transaction.atomic():
            claim = self._claim(request, key) if key is not None else None
            recorded = idempotency.begin(claim, at=timezone.now()) if claim else None
            if recorded is not None:
                return HttpResponse(recorded.body, status=recorded.status, headers=recorded.headers)
            response = self._attempt(handler, request, *args, wants_match=wants_match, **kwargs)
            if claim is not None and not transaction.get_rollback():
                response = self._rendered(request, response, *args, **kwargs)
                _record(claim, response)
            return response

    def _attempt(
        self, handler: Handler, request: Request, *args: Any, wants_match: bool, **kwargs: Any
    ) -> HttpResponseBase:
        """Answer, refusals included; a defect of ours stays an exception and undoes everything."""
        try:
            if wants_match:
                self._require_match(request, *args, **kwargs)
            return handler(request, *args, **kwargs)
        except DatabaseError as broken:
            transaction.set_rollback(True)
            return self.handle_exception(broken)
        except Exception as refusal:  # noqa: BLE001  (handle_exception raises again what it does not know)
            return self.handle_exception(refusal)

    def _claim(self, request: Request, key: str) -> Claim:
        tenant = getattr(self, "tenant", None)
        return idempotency.claim_of(
            actor=context.current().actor,
            method=request.method or "",
            path=request.path,
            key=key,
            parts=(
                request.META.get("QUERY_STRING", "").encode(),
                request.headers.get("If-Match", "").encode(),
                str(tenant.organization.pk if tenant else "").encode(),
                *_body_parts(request),
            ),
        )

    def _require_match(self, request: Request, *args: Any, **kwargs: Any) -> None:
        read: Handler | None = getattr(self, "get", None)
        if read is None:
            raise conditional.not_conditional()
        self.is_locking = True
        self.lock()
        present = self._rendered(request, read(request, *args, **kwargs), *args, **kwargs)
        self.is_locking = False
        if not conditional.matches(request.headers["If-Match"], self._tag_of(present)):
            raise conditional.PreconditionFailed(headers={"ETag": self._tag_of(present)})

    def _rendered(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        final: HttpResponse = super().finalize_response(request, response, *args, **kwargs)
        return final.render() if isinstance(final, Response) else final

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Add the entity tag, the announcements and what is left of the caller's rates."""
        final: Any = super().finalize_response(request, response, *args, **kwargs)
        if self._is_tagged(request, final):
            final = self._tagged(request, final.render())
        for announced in deprecation.concerning(self.deprecations, request.method or ""):
            for name, value in announced.headers().items():
                earlier = final.get(name) if name == "Link" else None
                final[name] = f"{earlier}, {value}" if earlier else value
        for name, value in ratelimit.fields(getattr(request, "standings", ())).items():
            final.headers.setdefault(name, value)
        return final

    def _is_tagged(self, request: Request, response: Any) -> bool:
        """Whether this is the answer to who reads or changes one thing that can be read here."""
        return (
            isinstance(response, Response)
            and response.status_code == 200
            and request.method in _TAGGED
            and hasattr(self, "get")
            and "next_cursor" not in (response.data or ())
        )

    def _tag_of(self, response: Any) -> str:
        return conditional.tag_of(response.content, response.data, self.volatile_members)

    def _tagged(self, request: Request, response: Response) -> HttpResponseBase:
        response["ETag"] = tag = self._tag_of(response)
        known = request.headers.get("If-None-Match")
        if known is None or request.method not in {"GET", "HEAD"}:
            return response
        if not conditional.is_known(known, tag):
            return response
        kept = {name: response[name] for name in _ON_304 if name in response}
        return HttpResponseNotModified(headers=kept)


class GuardedView(ApiView):
    """A view whose `permissions_by_method` names what each method needs; who has it, the permission classes ask.

    A class with a handler that is not named there cannot be defined, so that none is left open by forgetting it.
    """

    permissions_by_method: ClassVar[dict[str, Any]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        handled = [name for name in _HANDLED if hasattr(cls, name.lower())]
        unguarded = [name for name in handled if name not in cls.permissions_by_method]
        if unguarded:
            raise TypeError(f"{cls.__qualname__} names no permission for {unguarded}.")

    def required_permission(self) -> Any:
        """Return what the present method needs. Raises MethodNotAllowed for one that the view does not answer."""
        method = self.request.method or "GET"
        needed = self.permissions_by_method.get("GET" if method == "HEAD" else method)
        # A view set answers some methods on the list only and others on one row only.
        if needed is None or not hasattr(self, method.lower()):
            raise MethodNotAllowed(method)
        return needed


def _says_to_ask_again(response: HttpResponse) -> bool:
    """Whether it is a problem whose class says when the very same request may be sent again."""
    told: Any = getattr(response, "data", None)
    found = error_class(str(told.get("code"))) if isinstance(told, dict) else None
    return response.status_code >= 400 and found is not None and bool(found.retry)


def has_own_tag(view: Any) -> bool:
    """Whether what a view changes can be read, and so compared, under the same path."""
    actions: dict[str, str] | None = getattr(view, "action_map", None)
    if actions is not None:
        return actions.get("get", "list") != "list"
    return hasattr(view, "get") and not hasattr(view, "pagination_class")


def _kind_of(request: Request) -> str:
    kind: str = request.META.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    return kind


def _is_form_of_parts(request: Request) -> bool:
    return _kind_of(request) == "multipart/form-data"


def _raw_body(request: Request) -> bytes:
    """Return the body as it came; it can still be parsed, and read again."""
    body: bytes = request._request.body  # noqa: SLF001  (DRF hides the one that is not parsed)
    return body


def _body_parts(request: Request) -> list[bytes]:
    """Return what was sent: the bytes of a document, the values of a form, whose boundaries are new every time."""
    kind = _kind_of(request)
    if not _is_form_of_parts(request):
        return [kind.encode(), _raw_body(request)]
    parts = [kind.encode()]
    form: Any = request.data
    for name, values in sorted(form.lists()):
        for value in values:
            content = value.read() if hasattr(value, "read") else str(value).encode()
            if hasattr(value, "seek"):
                value.seek(0)
            parts += [name.encode(), content]
    return parts


def _record(claim: Claim, response: HttpResponse) -> None:
    if _says_to_ask_again(response):
        return
    headers = dict(response.headers.items())
    answer = idempotency.Answer(response.status_code, headers, response.content)
    idempotency.record(claim, answer)
