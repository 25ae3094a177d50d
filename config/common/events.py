"""One bus of typed facts. Events are published inside the transaction of the change and heard synchronously."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from django.db import transaction
from django.dispatch import Signal
from django.utils import timezone

from config.common import changes

_NAME = re.compile(r"^[a-z0-9_]+(\.[a-z0-9_]+)+$")
_catalogue: dict[str, type["DomainEvent"]] = {}

# Receivers get `event`, `at`, when it happened, and `before` and `after`, the columns it changed, which belong to the
# audit log and not to the event; an exception in one rolls the change back.
published = Signal()


class PublishedOutsideTransaction(RuntimeError):
    """An event must commit or roll back with the change it tells of."""


class ChangeNotTold(TypeError):
    """An event that means a change is published with the values before it, after it, or both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainEvent:
    """A fact. Fields are ids and primitives only: never instances, never secrets."""

    name: ClassVar[str]
    summary: ClassVar[str]
    is_public: ClassVar[bool] = False
    target_type: ClassVar[str] = ""
    # In the OWASP logging vocabulary, if the event concerns security.
    security_name: ClassVar[str] = ""
    # Noticed over and over, such as a refusal: one row per actor and minute, with a count, instead of one each time.
    is_counted: ClassVar[bool] = False
    # Tells that a row was made, changed or removed: it cannot be published without saying from what to what.
    is_change: ClassVar[bool] = False

    organization_id: int | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # @dataclass(slots=True) makes every class twice, the second time without the cell that plain
        # super() needs; hence the explicit form, and a tolerated second registration.
        super(DomainEvent, cls).__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            return
        name = cls.__dict__["name"]
        known = _catalogue.get(name)
        if not _NAME.match(name):
            raise TypeError(
                f"{cls.__qualname__}: an event is named like noun.verb_ed, not {name!r}."
            )
        if known is not None and known.__qualname__ != cls.__qualname__:
            raise TypeError(f"{name} names both {known.__qualname__} and {cls.__qualname__}.")
        _catalogue[name] = cls

    @property
    def target_id(self) -> int | None:
        """The id of what the event is about: the field called `<target_type>_id`."""
        return getattr(self, f"{self.target_type}_id", None) if self.target_type else None

    @property
    def old_values(self) -> dict[str, Any] | None:
        """What the changed fields were before, if the event tells."""
        return None

    @property
    def new_values(self) -> dict[str, Any] | None:
        """What the changed fields are now, if the event tells."""
        return None

    def as_data(self) -> dict[str, Any]:
        """Return the event's own values as JSON can hold them, times in RFC 3339 with `Z`."""
        return changes.plain(asdict(self))

    def describe(self) -> str:
        """Return the summary as one sentence with the event's own values filled in."""
        return self.summary.format(**asdict(self))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent(DomainEvent):
    """Base of the facts that carry what changed to whoever hears of them, secrets excluded."""

    is_change: ClassVar[bool] = True

    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None

    @property
    def old_values(self) -> dict[str, Any] | None:
        """The changed fields before the change."""
        before: dict[str, Any] | None = self.as_data()["before"]
        return before

    @property
    def new_values(self) -> dict[str, Any] | None:
        """The changed fields after the change."""
        after: dict[str, Any] | None = self.as_data()["after"]
        return after


def publish(
    event: DomainEvent,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Tell every receiver of the fact, within the caller's transaction, with the changed columns for the audit log.

    Of something new there is only `after`, of something removed only `before`; `config.common.changes` makes both.
    Raises PublishedOutsideTransaction when there is no transaction to commit or roll back with, and ChangeNotTold when
    a change comes without its values.
    """
    if not transaction.get_connection().in_atomic_block:
        raise PublishedOutsideTransaction(event.name)
    old = event.old_values if before is None else before
    new = event.new_values if after is None else after
    if event.is_change and old is None and new is None:
        raise ChangeNotTold(f"{event.name} is published without old and new values.")
    published.send(sender=type(event), event=event, at=timezone.now(), before=old, after=new)


def catalogue() -> Iterator[type[DomainEvent]]:
    """Every event class of the product, by name."""
    return iter([_catalogue[name] for name in sorted(_catalogue)])
