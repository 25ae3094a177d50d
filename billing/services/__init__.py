"""The verbs of billing, split by noun."""

from billing.services import subscriptions

__all__ = ["subscriptions"]
