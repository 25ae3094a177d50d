"""The verbs of webhooks, split by noun."""

from webhooks.services import endpoints, resending, testing

__all__ = ["endpoints", "resending", "testing"]
