"""The verbs of organizations, split by noun."""

from organizations.services import limits, members, organizations, refusals, suspension

__all__ = ["limits", "members", "organizations", "refusals", "suspension"]
