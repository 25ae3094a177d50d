"""What happened: an organization's log as far back as its plan shows it, and a person's own activity."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts.models import User
from audit.models import AuditLog
from billing import selectors as billing
from config.common.ids import id_in
from organizations.models import Organization

# How people act: for themselves, or at work for somebody else.
PEOPLE = ("user", "staff")
ACTORS = (*PEOPLE, "api_key", "service_key", "command", "job", "anonymous")


# What binds an entry to its chain is for `audit_verify` to read.
_UNSHOWN = ("chain", "sequence", "previous_hash", "hash")


def log_of(organization: Organization, *, at: datetime) -> QuerySet[AuditLog]:
    """Return what happened in an organization, whoever did it, as far back as its plan shows."""
    kept = timedelta(days=billing.subscription_of(organization).plan.audit_retention_days)
    entries = AuditLog.objects.filter(organization_id=organization.pk, occurred_at__gt=at - kept)
    return entries.defer(*_UNSHOWN)


def entries_where(
    entries: QuerySet[AuditLog],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    **exact: Any,
) -> QuerySet[AuditLog]:
    """Keep the entries that match every filter that is given; `until` is the first moment left out."""
    if exact.get("actor_id"):
        # Who of the staff acted is not told, nor to be found out by trying.
        entries = entries.exclude(actor_type="staff")
    given = {**exact, "occurred_at__gte": since, "occurred_at__lt": until}
    lookups = {_COLUMNS.get(name, name): value for name, value in given.items()}
    return entries.filter(**{name: value for name, value in lookups.items() if value})


_COLUMNS = {"action": "event"}
# What a row of `shown_flat` holds, in the order of a file's columns.
SHOWN = (
    "id", "occurred_at", "action", "summary", "actor_type", "actor_id", "actor_label", "target_type", "target_id",
    "old_values", "new_values", "details", "ip", "user_agent", "request_id",
)  # fmt: skip


def shown(entry: AuditLog) -> dict[str, Any]:
    """Return an entry as its organization sees it: staff are marked as staff, and no person is named for them."""
    is_staffs = entry.actor_type == "staff"
    return {
        "id": entry.id,
        "occurred_at": entry.occurred_at,
        "action": entry.event,
        "summary": entry.summary,
        "actor": {
            "type": entry.actor_type,
            "id": None if is_staffs else entry.actor_id,
            "label": f"{settings.PRODUCT_NAME} staff" if is_staffs else entry.actor_label,
        },
        "target": {"type": entry.target_type, "id": entry.target_id},
        "old_values": entry.old_values,
        "new_values": entry.new_values,
        "details": entry.data,
        "ip": None if is_staffs else entry.ip,
        "user_agent": "" if is_staffs else entry.user_agent,
        "request_id": entry.request_id,
    }


def shown_flat(entry: AuditLog) -> dict[str, Any]:
    """Return what `shown` does as one row of a table, its names those of `SHOWN`."""
    row = shown(entry)
    actor, target = row.pop("actor"), row.pop("target")
    row |= {"actor_type": actor["type"], "actor_id": actor["id"], "actor_label": actor["label"]}
    return row | {"target_type": target["type"], "target_id": target["id"]}


def searched(entries: QuerySet[AuditLog], text: str) -> QuerySet[AuditLog]:
    """Keep the entries of a request id, of a person by their e-mail, of an organization by its id, or of a target."""
    if not text:
        return entries
    if "@" in text:
        people = User.objects.filter(email=User.objects.normalize_email(text)).values_list(
            "pk", flat=True
        )
        return entries.filter(actor_type__in=PEOPLE, actor_id__in=list(people))
    organization_id = id_in(text)
    if organization_id is not None:
        return entries.filter(organization_id=organization_id)
    kind, _, target = text.partition(":")
    target_id = id_in(target)
    if target_id is not None:
        return entries.filter(target_type=kind, target_id=target_id)
    return entries.filter(request_id=text)


def activity_of(user: User) -> QuerySet[AuditLog]:
    """Return what a person did, and what was done to their account."""
    own = Q(actor_type__in=PEOPLE, actor_id=user.pk) | Q(target_type="user", target_id=user.pk)
    return AuditLog.objects.filter(own).defer(*_UNSHOWN)


_TAKEN_ALONG = ("occurred_at", "event", "summary", "organization_id", "data")
_OWN_CIRCUMSTANCES = ("ip", "user_agent", "request_id", "old_values", "new_values")


def personal_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield the entries of a person's activity; whence somebody else acted is not theirs to know."""
    for entry in activity_of(user).order_by("pk").iterator():
        row = {name: getattr(entry, name) for name in _TAKEN_ALONG}
        row["by"] = "you" if is_by(user, entry) else entry.actor_type
        if is_by(user, entry):
            row |= {name: getattr(entry, name) for name in _OWN_CIRCUMSTANCES}
        yield row


def is_by(user: User, entry: AuditLog) -> bool:
    """Whether the person did it themselves."""
    return entry.actor_type in PEOPLE and entry.actor_id == user.pk
