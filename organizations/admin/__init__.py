"""The back office's view of organizations and of who may do what there; Django registers what is imported here."""

from organizations.admin import organizations, rights

__all__ = ["organizations", "rights"]
