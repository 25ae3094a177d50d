"""The verbs of audit, split by noun."""

from audit.services import entries, security

__all__ = ["entries", "security"]
