"""dj-stripe mirrors Stripe's objects; here it is kept from mirroring our keys, which it would write down in clear.

What is set here is set once, for the whole process: dj-stripe asks through the SDK's own client, not through ours.
"""

from functools import lru_cache
from typing import Any

import stripe
from djstripe.models import Account


def install() -> None:
    """Answer dj-stripe's question whose a key is without its table of keys, which the database keeps empty."""
    # It would write an id into the home directory, and tell Stripe with it how long each call took.
    stripe.enable_telemetry = False
    setattr(Account, "get_or_retrieve_for_api_key", staticmethod(_owner_of))  # noqa: B010  a method of theirs


def _owner_of(api_key: str) -> Any:
    identity, document = _asked(api_key)
    account, is_new = Account.objects.get_or_create(id=identity)
    if is_new:
        # It mirrors its owner with every object, here the account itself: hence the bare row before it.
        Account.sync_from_stripe_data(document, api_key=api_key)
    return account


@lru_cache(maxsize=4)
def _asked(api_key: str) -> tuple[str, Any]:
    # What asks Stripe is not loaded by processes that do not.
    from billing.gateways.stripe import client  # noqa: PLC0415

    found = client(key=api_key).v1.accounts.retrieve_current()
    return found.id, found
