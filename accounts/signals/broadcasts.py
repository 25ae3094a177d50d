"""Events of what staff tells many people."""

from dataclasses import dataclass

from config.common.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastDrafted(DomainEvent):
    """Staff wrote a message to many people; nobody has got it yet."""

    name = "broadcast.drafted"
    summary = "broadcast {broadcast_id} drafted: {title}"
    target_type = "broadcast"
    is_change = True

    broadcast_id: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastTested(DomainEvent):
    """Staff sent a message to themself, to see how it looks."""

    name = "broadcast.tested"
    summary = "test of a broadcast sent to user {user_id}: {title}"
    target_type = "user"

    user_id: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastStarted(DomainEvent):
    """A message is on its way to an audience."""

    name = "broadcast.started"
    summary = "broadcast {broadcast_id} goes to {people} people: {title}"
    target_type = "broadcast"
    is_change = True

    broadcast_id: int
    title: str
    people: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastFinished(DomainEvent):
    """Everybody in the audience has been sent the message."""

    name = "broadcast.finished"
    summary = "broadcast {broadcast_id} went to {people} people, {mails} by mail"
    target_type = "broadcast"
    is_change = True

    broadcast_id: int
    people: int
    mails: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BroadcastCanceled(DomainEvent):
    """Staff stopped a message; who got it has it."""

    name = "broadcast.canceled"
    summary = "broadcast {broadcast_id} canceled after {people} people"
    target_type = "broadcast"
    is_change = True

    broadcast_id: int
    people: int
