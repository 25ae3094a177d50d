"""What the keys do when people, organizations and plans change: gate processes are told to load them anew."""

from datetime import datetime

from django.dispatch import receiver

from accounts.models import User, UserStatus
from accounts.services import personal_data
from accounts.signals import UserErased, UserReinstated, UserSuspended
from apikeys import selectors
from apikeys.models import ApiKey
from apikeys.services import counters, invalidation, key_policy, keys
from billing.signals import PlanChanged
from config.common.events import published
from organizations import grantable
from organizations.roles import Permission
from organizations.services import closing
from organizations.signals import (
    OrganizationClosed,
    OrganizationLimitsChanged,
    OrganizationReinstated,
    OrganizationSuspended,
    SecurityPolicyChanged,
)

personal_data.contribute(
    "api_keys", "Keys you made, without their secrets.", selectors.personal_data_of
)
grantable.register(
    "api_key",
    ApiKey,
    {Permission.KEYS_READ: "view_apikey", Permission.KEYS_WRITE: "change_apikey"},
)
closing.contribute_hold("api_keys", keys.hold_keys_of)


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


@receiver(published, sender=OrganizationLimitsChanged)
@receiver(published, sender=PlanChanged)
def count_what_was_used_without_a_quota(
    event: OrganizationLimitsChanged | PlanChanged, **_: object
) -> None:
    """A quota that an organization gets in the midst of a period holds for all of it."""
    assert event.organization_id is not None
    counters.catch_up_organization(event.organization_id)


@receiver(published, sender=UserErased)
def revoke_keys_of_erased_user(event: UserErased, at: datetime, **_: object) -> None:
    """The keys of what was the person's alone go with them; other organizations keep theirs.

    By now the person has left every organization in which there are others. What somebody made who was suspended has
    stopped until they are let in again, which they never are: else it would work again without them.
    """
    keys.revoke_keys_where_member(user_id=event.user_id, at=at)
    if User.objects.filter(pk=event.user_id, status=UserStatus.SUSPENDED).exists():
        keys.revoke_keys_made_by(user_id=event.user_id, at=at)


@receiver(published, sender=OrganizationClosed)
def revoke_keys_of_closed_organization(
    event: OrganizationClosed, at: datetime, **_: object
) -> None:
    """What is closed calls no more, whatever happens to it later."""
    assert event.organization_id is not None
    keys.revoke_keys_of(organization_id=event.organization_id, at=at)
    invalidation.organizations_changed(event.organization_id)


@receiver(published, sender=SecurityPolicyChanged)
def tell_of_outdated_keys(event: SecurityPolicyChanged, at: datetime, **_: object) -> None:
    """A new greatest age concerns keys that were made before it."""
    assert event.organization_id is not None
    if (event.after or {}).get("max_key_age_days") is not None:
        key_policy.tell_of_outdated(
            organization_id=event.organization_id, at=at, is_new_policy=True
        )
