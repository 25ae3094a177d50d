"""Celery entry points of organizations. Each makes one call into `services`."""

from celery import shared_task
from django.utils import timezone

from config.common import context
from config.common.context import Actor, Context
from organizations.services import invitations, refusals


@shared_task(name="organizations.look_into_absence")
def look_into_absence(
    *,
    model: str,
    row_id: int,
    user_id: int | None,
    organization_id: int | None,
    ip: str | None,
    user_agent: str,
    request_id: str,
) -> None:
    """Find out whether a row that was not there for somebody is another organization's."""
    actor = Actor(type="user" if user_id else "api_key", id=user_id)
    asked = Context(request_id=request_id, actor=actor, ip=ip, user_agent=user_agent)
    with context.use(asked):
        refusals.look_into_absence(
            model=model, row_id=row_id, user_id=user_id, organization_id=organization_id
        )


@shared_task(name="organizations.expire_invitations")
def expire_invitations() -> None:
    """Close the invitations that nobody answered within seven days."""
    with context.job("organizations.expire_invitations"):
        invitations.expire_due(at=timezone.now())
