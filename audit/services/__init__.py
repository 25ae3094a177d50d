"""The verbs of audit, split by noun."""

from audit.services import copies, entries, security

__all__ = ["copies", "entries", "security"]
