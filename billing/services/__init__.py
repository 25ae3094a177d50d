"""The verbs of billing, split by noun."""

from billing.services import plans, subscriptions

__all__ = ["plans", "subscriptions"]
