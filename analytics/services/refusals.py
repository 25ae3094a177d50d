"""What refused calls tell of security: a key that comes from an address which it does not allow."""

from collections.abc import Iterable

from analytics.metering.events import Call
from apikeys.services import refusals

_FROM_ELSEWHERE = "FORBIDDEN_IP"


def tell(calls: Iterable[Call]) -> None:
    """Note each key that was presented from an address which it does not allow, with the first such call."""
    first: dict[int, Call] = {}
    for call in calls:
        if call.outcome == _FROM_ELSEWHERE:
            first.setdefault(call.key_id, call)
    for key_id, call in first.items():
        refusals.tell_address_refused(
            organization_id=call.organization_id,
            key_id=key_id,
            ip=call.address,
            user_agent=call.user_agent,
            request_id=call.request_id,
        )
