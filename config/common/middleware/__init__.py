"""The middleware stack, outermost first: context, headers, access log, CORS, size, clean input, operator allow-list;
innermost, bare refusals."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

# The rest of the stack and the view, as each middleware is given it.
GetResponse = Callable[[HttpRequest], HttpResponse]
