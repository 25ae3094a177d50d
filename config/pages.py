"""Pages of the house itself: the front door, its public keys and documents, and Django's own error handlers."""

import sys
import threading
from functools import cache
from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import is_valid_path
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request

from accounts.authentication import PortalSessionAuthentication
from apikeys.gateway import app as gate
from config.common import errors, problems
from config.common.views import AsItIs


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show what this is; people who are signed in go to their overview."""
    if request.user.is_authenticated:
        return redirect("analytics:overview")
    return render(request, "site/home.html")


@require_safe
def jwks(request: HttpRequest) -> HttpResponse:
    """Publish the keys that gateway assertions are signed with."""
    answer = HttpResponse(gate.jwks(), content_type="application/jwk-set+json")
    answer["Cache-Control"] = "public, max-age=300"
    return answer


_one_at_a_time = threading.Lock()


class SchemaView(SpectacularJSONAPIView):
    """The OpenAPI document: half a second's work, open to everybody and the same for all, so a process does it once."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Return the document."""
        with _one_at_a_time:
            document = _document()
        return HttpResponse(document, content_type=request.accepted_renderer.media_type)


@cache
def _document() -> bytes:
    # drf-spectacular has no types.
    schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    document: bytes = OpenApiJsonRenderer().render(schema)
    return document


class ReferenceView(SpectacularSwaggerSplitView):
    """The API reference. Whomever it refuses is answered as by every other page, not in the framework's own words."""

    url_name = "schema"
    template_name = "docs/swagger.html"
    authentication_classes = (PortalSessionAuthentication,)
    content_negotiation_class = AsItIs

    def handle_exception(self, exc: Exception) -> NoReturn:
        """Leave it to the middleware, which knows whether a page is wanted."""
        raise exc


reference = require_safe(ReferenceView.as_view())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer Django's own 400, such as a Host header that is not ours."""
    return problems.response(request, errors.MalformedRequest("The request cannot be read."))


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer Django's own 403."""
    return problems.response(request, errors.Forbidden())


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form whose token does not match."""
    return problems.response(request, errors.CsrfFailed())


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an unknown path; one that has a slash too many or too few is told the right one."""
    path, detail = request.path, ""
    if path.startswith(("/api/", "/gateway/")) and path.endswith("/"):
        detail = f"API paths have no trailing slash: {path.rstrip('/')}"
    elif is_valid_path(f"{path}/"):
        detail = f"Pages end with a slash: {path}/"
    return problems.response(request, errors.NotFound(detail))


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer what a middleware raised: a database that is away is no defect of ours and gets its 503."""
    exception = sys.exc_info()[1]
    error = problems.as_domain_error(exception) if exception else None
    if exception is not None:
        problems.log_outage(exception)
    return problems.response(request, error or errors.InternalError())
