"""The verbs of accounts, split by noun."""

from accounts.services import (
    login_guard,
    pace,
    passwords,
    profile,
    registration,
    sessions,
    staff,
    suspension,
    upkeep,
)

__all__ = [
    "login_guard",
    "pace",
    "passwords",
    "profile",
    "registration",
    "sessions",
    "staff",
    "suspension",
    "upkeep",
]
