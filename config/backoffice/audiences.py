"""What a broadcast's audience may be narrowed by beyond accounts' own knowledge: plan and role in an organization."""

from collections.abc import Mapping

from django.db.models import Exists, OuterRef, QuerySet

from accounts.models import User
from accounts.services import audiences
from accounts.services.audiences import Criterion
from billing.models import Plan, Subscription, SubscriptionStatus
from organizations.models import OrganizationMember, OrganizationStatus, Role


def register() -> None:
    """Tell the registry; called once when the project starts."""
    audiences.contribute(
        Criterion("organization_roles", "Role in an organization", lambda: Role.choices),
        Criterion("plans", "Plan of an organization", _plans),
        narrow=_by_membership,
    )


def _plans() -> list[tuple[str, str]]:
    return list(Plan.objects.order_by("position", "code").values_list("code", "name"))


def _by_membership(found: QuerySet[User], audience: Mapping[str, list[str]]) -> QuerySet[User]:
    """Keep who has one of the roles in an active organization that has one of the plans: both of the same one."""
    roles, plans = audience.get("organization_roles"), audience.get("plans")
    if not roles and not plans:
        return found
    places = OrganizationMember.objects.filter(
        user=OuterRef("pk"), organization__status=OrganizationStatus.ACTIVE
    )
    if roles:
        places = places.filter(role__in=roles)
    if plans:
        subscribed = Subscription.objects.filter(
            organization=OuterRef("organization"),
            status=SubscriptionStatus.ACTIVE,
            plan__code__in=plans,
        )
        places = places.filter(Exists(subscribed))
    return found.filter(Exists(places))
