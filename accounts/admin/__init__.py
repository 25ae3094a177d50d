"""The back office's view of people, of what they did, and of their mail; Django registers what is imported here."""

from accounts.admin import broadcasts, facts, mails, people

__all__ = ["broadcasts", "facts", "mails", "people"]
