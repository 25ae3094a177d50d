"""The verbs of organizations, split by noun."""

from organizations.services import limits, members, organizations, suspension

__all__ = ["limits", "members", "organizations", "suspension"]
