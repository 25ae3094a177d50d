"""Turns the one refusal that Django makes with an empty body into a problem document or a page."""

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from config.common import errors, problems
from config.common.middleware import GetResponse


class RefusalMiddleware:
    """Innermost: sees what `require_safe` and its like answer to another method."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            error = errors.MethodRefused(headers={"Allow": response["Allow"]})
            return problems.response(request, error)
        return response
