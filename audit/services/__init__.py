"""The verbs of audit, split by noun."""

from audit.services import copies, entries, months, seals, security

__all__ = ["copies", "entries", "months", "seals", "security"]
