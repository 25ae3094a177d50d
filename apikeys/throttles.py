"""The rate and, where a view says what it costs, quota and credits of the key that calls a DRF view."""

from typing import TYPE_CHECKING

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from apikeys.authentication import KeyCredentials
from apikeys.gateway import blocking
from apikeys.gateway.answers import new_request_id
from apikeys.gateway.forward_auth import told_by
from apikeys.gateway.metering import event, json_path, json_text
from apikeys.gateway.plans import Count, Plan
from apikeys.gateway.refusals import Outcome, error_of
from config.common import context
from config.common.ratelimit import Standing
from organizations.throttles import note

if TYPE_CHECKING:
    # DRF imports its default throttles while it defines this class.
    from rest_framework.views import APIView


class ApiKeyThrottle(BaseThrottle):
    """Counts the calls of keys by the gate's script; people are none of its business.

    A view of the seller's own API names its price in units as `key_cost` and its calls are metered; Tollgate's own
    views cost nothing but a token of the key's rate.
    """

    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Count the call. Raises the refusal with its headers, so that it is answered like the gate's."""
        if not isinstance(request.auth, KeyCredentials):
            return True
        cost: int = getattr(view, "key_cost", 0)
        plan = blocking.plan_for(request.auth.record, cost)
        counted = blocking.count(plan, _event(request, plan, cost) if cost else b"")
        if counted is None:
            raise error_of(Outcome.UNAVAILABLE, "The credits cannot be counted at the moment.")
        if not counted.granted:
            raise _refusal(plan, counted)
        note(request, _standings(plan, counted))
        return True


def _standings(plan: Plan, counted: Count) -> list[Standing]:
    left = zip(counted.numbers[::2], counted.numbers[1::2], strict=True)
    return [
        Standing(name, quantity, window, remaining, reset)
        for (name, quantity, window), (remaining, reset) in zip(plan.policies, left, strict=True)
    ]


def _event(request: Request, plan: Plan, cost: int) -> bytes:
    here = context.current()
    place = b"%b,%b" % (
        json_text((request.method or "").encode(), 20),
        json_path(request.path.encode()),
    )
    caller = b"%b,%b" % (
        json_text(here.ip.encode()) if here.ip else b"null",
        json_text(here.user_agent.encode("utf-8", "replace")),
    )
    return event(new_request_id(), plan.event_ids, place, b"VALID", cost, caller, plan.event_tail)


def _refusal(plan: Plan, counted: Count) -> Exception:
    outcome = counted.failed or Outcome.RATE_LIMITED
    error = error_of(outcome, **told_by(outcome, plan, counted, settings.PUBLIC_URL))
    if counted.retry_seconds:
        error.headers["Retry-After"] = str(counted.retry_seconds)
    for line in plan.refused_head(counted.numbers).decode("ascii").splitlines():
        name, _, value = line.partition(": ")
        error.headers[name] = value
    return error
