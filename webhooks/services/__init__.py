"""The verbs of webhooks, split by noun."""

from webhooks.services import endpoints, resending, sending, testing, upkeep

__all__ = ["endpoints", "resending", "sending", "testing", "upkeep"]
