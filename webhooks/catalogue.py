"""The event types that an endpoint can subscribe to: every public event of the product."""

from config.common.event_schemas import EventType, public_event_types


def event_types() -> list[EventType]:
    """Return every type with its description, JSON Schema and example, by name."""
    return list(public_event_types().values())


def type_names() -> list[str]:
    """Return the names of every type."""
    return list(public_event_types())


def described(name: str) -> EventType | None:
    """Return one type; None when there is none of this name."""
    return public_event_types().get(name)
