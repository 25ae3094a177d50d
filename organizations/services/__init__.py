"""The verbs of organizations, split by noun."""

from organizations.services import (
    answers,
    closing,
    custom_roles,
    departures,
    grants,
    invitations,
    limits,
    members,
    organizations,
    refusals,
    security_policy,
    suspension,
)

__all__ = [
    "answers",
    "closing",
    "custom_roles",
    "departures",
    "grants",
    "invitations",
    "limits",
    "members",
    "organizations",
    "refusals",
    "security_policy",
    "suspension",
]
