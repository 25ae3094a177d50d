"""The log in words: a page says whom and what the ids in an entry stand for. The entry itself stays as it was written."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from accounts.models import User
from apikeys.models import ApiKey
from audit.models import AuditLog
from config.common.admin_filters import spelled
from config.common.events import catalogue
from organizations.models import Role
from webhooks.models import Webhook

_ACTORS = {
    "user": "A person",
    "staff": f"{settings.PRODUCT_NAME} staff",
    "api_key": "API key",
    "service_key": "Service key",
    "command": "Operator's command",
    "job": "Background job",
    "anonymous": "Not signed in",
}
# Which fields of an event are ids of what, and the words of its summary that a name stands in for.
_IDS = {
    "user_id": ("user", "user {user_id}"),
    "from_user_id": ("user", "user {from_user_id}"),
    "to_user_id": ("user", "user {to_user_id}"),
    "api_key_id": ("api_key", "{api_key_id}"),
    "webhook_id": ("webhook", "{webhook_id}"),
}
# How long an old secret goes on, which no reader counts in seconds.
_OVERLAP = "overlap {overlap_seconds} s"
_SPANS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


@dataclass(frozen=True, slots=True)
class Names:
    """What the ids of some entries stand for, by kind and id. What is gone has no name any more."""

    known: dict[tuple[str, int], str]

    def of(self, kind: str, pk: Any) -> str:
        """Return the name of one, or nothing."""
        return self.known.get((kind, pk), "")


def names_in(entries: Iterable[AuditLog]) -> Names:
    """Look up whom and what some entries are about, with one query for each kind."""
    wanted = {
        (kind, entry.data.get(field)) for entry in entries for field, (kind, _) in _IDS.items()
    }
    ids = {kind: [pk for of, pk in wanted if of == kind and pk] for kind, _ in _IDS.values()}
    people = User.objects.filter(pk__in=ids["user"]).values_list("pk", "email")
    keys = ApiKey.objects.filter(pk__in=ids["api_key"]).values_list("pk", "name")
    endpoints = Webhook.objects.filter(pk__in=ids["webhook"])
    known = {("user", pk): email for pk, email in people}
    known |= {("api_key", pk): name for pk, name in keys}
    for pk, description, url in endpoints.values_list("pk", "description", "url"):
        known["webhook", pk] = description or urlsplit(url).netloc
    return Names(known)


def sentence_of(entry: AuditLog, names: Names) -> str:
    """Return an entry's summary with names for ids; as it was written where it tells more than the event's words."""
    summary = _summaries().get(entry.event, "")
    if not _was_written_as(summary, entry):
        return entry.summary
    values = dict(entry.data)
    for field, (kind, words) in _IDS.items():
        if name := names.of(kind, values.get(field)):
            summary = summary.replace(words, f"{{{field}}}")
            values[field] = name
    if values.get("role") in set(Role):
        values["role"] = Role(values["role"]).label
    if _OVERLAP in summary:
        summary = summary.replace(_OVERLAP, _overlap(values["overlap_seconds"]))
    return f"{summary[:1].upper()}{summary[1:]}".format_map(values)


def _overlap(seconds: int) -> str:
    """Say for how long an old secret goes on, in the largest unit that comes out even."""
    if not seconds:
        return "the old secret stopped at once"
    count, unit = next((seconds // size, unit) for unit, size in _SPANS if seconds % size == 0)
    return f"the old secret works for {count} more {unit}{'' if count == 1 else 's'}"


def kind_of_actor(entry: AuditLog) -> str:
    """Say what kind of actor acted, and not which."""
    return _ACTORS.get(entry.actor_type, entry.actor_type)


def actor_of(entry: AuditLog) -> str:
    """Say who acted: a person by their address, whatever else by what it is and its name; of staff never who."""
    kind = kind_of_actor(entry)
    if entry.actor_type == "user":
        return entry.actor_label or kind
    # Which of the jobs it was tells nobody anything.
    return kind if entry.actor_type in {"staff", "job"} else f"{kind} {entry.actor_label}".strip()


def target_of(entry: AuditLog, names: Names) -> str:
    """Say what an entry is about, by its name or else its id."""
    kind = spelled(entry.target_type.replace("_", " "))
    name = names.of(entry.target_type, entry.target_id) or entry.target_id or ""
    return f"{kind} {name}".strip()


def _was_written_as(summary: str, entry: AuditLog) -> bool:
    try:
        return bool(summary) and summary.format_map(entry.data) == entry.summary
    except (KeyError, IndexError):
        return False  # an older release had other words


@cache
def _summaries() -> dict[str, str]:
    return {event.name: event.summary for event in catalogue()}
