"""What the keys do when people, organizations and plans change: gate processes are told to load them anew."""

from django.dispatch import receiver

from accounts.signals import UserReinstated, UserSuspended
from apikeys.services import invalidation
from billing.signals import PlanChanged
from config.common.events import published
from organizations.signals import (
    OrganizationLimitsChanged,
    OrganizationReinstated,
    OrganizationSuspended,
)


@receiver(published, sender=UserSuspended)
@receiver(published, sender=UserReinstated)
def reload_keys_of_user(event: UserSuspended | UserReinstated, **_: object) -> None:
    """A suspended person's keys stop, and work again when the person is let in again."""
    invalidation.keys_of_user_changed(event.user_id)


@receiver(published, sender=OrganizationSuspended)
@receiver(published, sender=OrganizationReinstated)
@receiver(published, sender=OrganizationLimitsChanged)
@receiver(published, sender=PlanChanged)
def reload_keys_of_organization(
    event: OrganizationSuspended | OrganizationReinstated | OrganizationLimitsChanged | PlanChanged,
    **_: object,
) -> None:
    """An organization's state and limits hold for all its keys."""
    assert event.organization_id is not None
    invalidation.organizations_changed(event.organization_id)
