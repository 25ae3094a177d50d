"""What organizations does when something happens to people."""

from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.signals import UserRegistered
from config.common.events import published
from organizations.services import organizations


@receiver(published, sender=UserRegistered)
def create_personal_organization(event: UserRegistered, **_: Any) -> None:
    """Give a person who registers an organization of their own."""
    owner = User.objects.get(pk=event.user_id)
    organizations.create_organization(
        owner=owner, name=f"{owner.get_short_name()[:100]}'s organization", is_personal=True
    )
