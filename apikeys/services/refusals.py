"""Noting what a key was refused for, where it says more than that a client is configured wrongly."""

from apikeys.signals import KeyAddressRefused
from config.common import context, sightings
from config.common.context import Actor, Context


def tell_address_refused(
    *, organization_id: int, key_id: int, ip: str | None, user_agent: str, request_id: str
) -> None:
    """Publish that a key was presented from an address that it does not allow."""
    actor = Actor(type="api_key", id=key_id)
    with context.use(Context(request_id=request_id, actor=actor, ip=ip, user_agent=user_agent)):
        sightings.tell(
            KeyAddressRefused(organization_id=organization_id, api_key_id=key_id),
            bucket=f"key-address:{key_id}",
        )
