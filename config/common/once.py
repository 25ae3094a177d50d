"""Forms that make something once, above all a secret: sent again by Back, Reload or a second click, they make nothing.

Each carries a token, signed for the session and the address that it was shown to. What shows a secret redeems it in the
transaction of what it makes, among the answers of idempotency keys; whoever sends it again is led to where that is.
The secret itself is kept nowhere.
"""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib import messages
from django.core import signing
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone

from config.common import context, idempotency
from config.common.errors import DomainError
from config.common.idempotency import Answer

P = ParamSpec("P")
Page = Callable[Concatenate[HttpRequest, P], HttpResponse]

FIELD = "once"
_TICKET = "once_ticket"
_SEEN_OTHER = 303


@dataclass(slots=True)
class Ticket:
    """A request's token, and what its submission made, for those who send it again."""

    token: str
    made: Answer | None = None


def form(page: Page[P]) -> Page[P]:
    """Let each form that the page shows make something once; its template says `{% once %}` inside the form."""

    @wraps(page)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if request.method != "POST":
            setattr(request, _TICKET, Ticket(_new_token(request)))
            return page(request, *args, **kwargs)
        token = request.POST.get(FIELD, "")
        if not _is_ours(request, token):
            return _ask_anew(request)
        setattr(request, _TICKET, Ticket(token))
        answer = _carry_out(request, token, lambda: page(request, *args, **kwargs))
        if isinstance(answer, DomainError):
            raise answer
        return answer

    guarded.shows_once = True  # type: ignore[attr-defined]  # for the test that finds every such form
    return guarded


def ticket_of(request: HttpRequest) -> Ticket | None:
    """Return the ticket of a request to a page whose forms make something once."""
    return getattr(request, _TICKET, None)


def reveal(
    request: HttpRequest,
    template: str,
    values: Mapping[str, Any],
    *,
    instead: str,
    hint: str,
) -> HttpResponse:
    """Show a secret in this one answer; neither a session, a URL nor a cache ever holds it.

    Whoever sends the form again is led `instead` to another page of ours, where the hint says what to do without it.
    """
    redeem(request, instead=instead, hint=hint)
    answer = render(request, template, {**values, "instead": instead})
    answer["Cache-Control"] = "no-store"
    return answer


def redeem(request: HttpRequest, *, instead: str, hint: str) -> None:
    """Take note that the form has made what it makes. Whoever sends it again is led `instead` to a page of ours."""
    ticket = ticket_of(request)
    if ticket is None:
        raise RuntimeError(f"{request.path} makes something once and is no `once.form`")
    ticket.made = Answer(_SEEN_OTHER, {"Location": instead}, hint.encode())


def _carry_out(
    request: HttpRequest, token: str, send: Callable[[], HttpResponse]
) -> HttpResponse | DomainError:
    """Carry a submission out, or tell that it was. Refusals are returned: what they count is to be committed."""
    claim = idempotency.claim_of(
        actor=context.current().actor, method="POST", path=request.path, key=token, parts=()
    )
    with transaction.atomic():
        done = idempotency.begin(claim, at=timezone.now(), is_patient=True)
        if done is not None:
            return _lead_on(request, done)
        try:
            answer = send()
        except DomainError as refusal:
            return refusal
        ticket = ticket_of(request)
        if ticket is not None and ticket.made is not None:
            idempotency.record(claim, ticket.made)
        return answer


def _lead_on(request: HttpRequest, done: Answer) -> HttpResponse:
    messages.warning(
        request, f"This form was sent before: nothing was made a second time. {done.body.decode()}"
    )
    return HttpResponseRedirect(done.headers["Location"])


def _ask_anew(request: HttpRequest) -> HttpResponse:
    messages.warning(
        request, "This form was open for too long: nothing was changed. Fill it in and send it."
    )
    return HttpResponseRedirect(request.get_full_path())


def _new_token(request: HttpRequest) -> str:
    return _signer(request).sign(secrets.token_urlsafe(16))


def _is_ours(request: HttpRequest, token: str) -> bool:
    """Whether a token was made for the request's session and address, so lately that its redemption is remembered."""
    try:
        _signer(request).unsign(token, max_age=idempotency.KEPT_FOR)
    except signing.BadSignature:
        return False
    return True


def _signer(request: HttpRequest) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"{__name__}:{request.session.session_key}:{request.path}")
