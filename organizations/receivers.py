"""What organizations does when something happens to people."""

from datetime import datetime
from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.services import personal_data
from accounts.signals import EmailVerified, UserDeletionRequested, UserErased, UserRegistered
from config.common.events import published
from organizations import selectors
from organizations.services import departures, invitations, organizations

personal_data.contribute(
    "organizations",
    "The organizations you belong to, and the billing details of those that are yours alone.",
    selectors.personal_data_of,
)


@receiver(published, sender=UserRegistered)
def create_personal_organization(event: UserRegistered, **_: Any) -> None:
    """Give a person who registers an organization of their own."""
    owner = User.objects.get(pk=event.user_id)
    organizations.create_organization(
        owner=owner, name=f"{owner.get_short_name()[:100]}'s organization", is_personal=True
    )


@receiver(published, sender=EmailVerified)
def offer_what_waits(event: EmailVerified, at: datetime, **_: Any) -> None:
    """Whoever was invited before they had an account is told of it once the address is theirs."""
    invitations.tell_of_waiting(user=User.objects.get(pk=event.user_id), at=at)


@receiver(published, sender=UserDeletionRequested)
def refuse_to_orphan(event: UserDeletionRequested, **_: Any) -> None:
    """An account cannot be closed while others depend on its owner's."""
    departures.require_no_orphans(user_id=event.user_id)


@receiver(published, sender=UserErased)
def leave_organizations(event: UserErased, at: datetime, **_: Any) -> None:
    """A person who is erased belongs to no organization; what was theirs alone is closed."""
    email = User.objects.values_list("email", flat=True).get(pk=event.user_id)
    departures.leave_all(user_id=event.user_id, email=email, at=at)
