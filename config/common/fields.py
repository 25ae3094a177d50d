"""Serializer bases and fields shared by every API: unknown members are refused, texts are clean."""

from collections.abc import Callable, Iterable
from typing import Any

import orjson
from rest_framework import serializers

from config.common.addresses import parse_network


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members it does not know, because a typo must not be silently ignored, and values of another type.

    In a JSON document `"5"` is no number and `1` is no text or truth. Query parameters are texts by nature: their
    reader (`config.common.query`) says so with `context={"is_text": True}`.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Read the members; unknown ones and those of a wrong type are errors with their own pointers."""
        if isinstance(data, dict):
            faults = self._unknown(data) or self._mistyped(data)
            if faults:
                raise serializers.ValidationError(faults)
        return super().to_internal_value(data)

    def _unknown(self, data: dict[Any, Any]) -> dict[str, Any]:
        known = {name for name, field in self.fields.items() if not field.read_only}
        error = serializers.ErrorDetail("This member is not known here.", code="unknown_member")
        return {str(name): [error] for name in data if name not in known}

    def _mistyped(self, data: dict[Any, Any]) -> dict[str, Any]:
        if self.context.get("is_text"):
            return {}
        fields = {name: field for name, field in self.fields.items() if name in data}
        faults = {name: _fault(field, data[name]) for name, field in fields.items()}
        return {name: fault for name, fault in faults.items() if fault}


def _fault(field: Any, value: Any) -> Any:
    """Return what is wrong with a value's type, in the form of DRF's errors; nothing when it is as it should be."""
    if value is None:
        return None
    if isinstance(field, serializers.ListField):
        return _faults(field.child, enumerate(value)) if isinstance(value, list) else None
    if isinstance(field, serializers.DictField):
        return _faults(field.child, value.items()) if isinstance(value, dict) else None
    for kinds, accepts, what in _TYPES:
        if isinstance(field, kinds):
            error = serializers.ErrorDetail(f"This must be {what}.", code="type")
            return None if accepts(value) else [error]
    return None


def _faults(child: Any, items: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
    found = {str(name): _fault(child, value) for name, value in items}
    return {name: fault for name, fault in found.items() if fault}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    # 5.0 is a whole number to JSON Schema.
    return _is_number(value) and value == value // 1


def _is_amount(value: Any) -> bool:
    return _is_text(value) or _is_number(value)


# The first kind that a field is of decides. Nested serializers see to their own members, and whatever is not here
# (JSON, files, lists) checks its own type.
_TYPES: tuple[tuple[tuple[type[Any], ...], Callable[[Any], bool], str], ...] = (
    ((serializers.BooleanField,), lambda value: isinstance(value, bool), "true or false"),
    ((serializers.IntegerField,), _is_whole, "a whole number"),
    ((serializers.FloatField,), _is_number, "a number"),
    ((serializers.DecimalField,), _is_amount, "a decimal number, best as text"),
    (
        (
            serializers.CharField,
            serializers.ChoiceField,
            serializers.UUIDField,
            serializers.DateTimeField,
            serializers.DateField,
            serializers.TimeField,
            serializers.DurationField,
        ),
        _is_text,
        "text",
    ),
)


class MetadataField(serializers.DictField):
    """What clients keep beside a row of ours: any JSON object, as long as the row can carry it."""

    max_bytes = 10_000

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            help_text=f"Any JSON object of at most {self.max_bytes:,} bytes.", **kwargs
        )

    def to_internal_value(self, data: Any) -> Any:
        """Read the object. Raises ValidationError for more than the row should carry."""
        metadata = super().to_internal_value(data)
        if len(orjson.dumps(metadata)) > self.max_bytes:
            message = f"The metadata may have {self.max_bytes:,} bytes as JSON at most."
            raise serializers.ValidationError(message, code="too_large")
        return metadata


class NetworkField(serializers.CharField):
    """An IPv4 or IPv6 address or network, kept in its canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=43, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Read `203.0.113.7`, `203.0.113.0/24` or the same in IPv6."""
        text = super().to_internal_value(data)
        try:
            return str(parse_network(text))
        except ValueError:
            raise serializers.ValidationError(
                "This is not an address or network such as 203.0.113.0/24.", code="network"
            ) from None
