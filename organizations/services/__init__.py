"""The verbs of organizations, split by noun."""

from organizations.services import departures, limits, members, organizations, refusals, suspension

__all__ = ["departures", "limits", "members", "organizations", "refusals", "suspension"]
