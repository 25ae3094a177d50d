"""What every payment provider can be asked, and how it can fail.

A customer is told of every failure as `service_unavailable`; which it was matters to the operator.
"""

from dataclasses import dataclass

from config.common.errors import ServiceUnavailable


@dataclass(frozen=True, slots=True)
class Account:
    """Whose money the configured keys move. `id` is empty where the keys may not say it."""

    id: str
    name: str
    is_live: bool


class ProviderFailed(ServiceUnavailable):
    """A payment provider did not do what it was asked. Its answer is not repeated: it may hold anything."""


class KeysRefused(ProviderFailed):
    """The payment provider does not know the keys, or gives them no rights."""


class ProviderUnavailable(ProviderFailed):
    """The payment provider cannot be reached, or says itself that it cannot answer now."""


class ProviderNotUnderstood(ProviderFailed):
    """What answers is not the payment provider, or not as we know it."""
