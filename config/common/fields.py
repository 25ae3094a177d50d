"""Serializer bases and fields shared by every API: unknown members are refused, texts are clean."""

from typing import Any

from rest_framework import serializers

from config.common.ip import parse_networks


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses members it does not know, because a typo must not be silently ignored."""

    def to_internal_value(self, data: Any) -> Any:
        """Read the members; unknown ones are errors with their own pointers."""
        if isinstance(data, dict):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = {
                str(name): [
                    serializers.ErrorDetail("This member is not known here.", code="unknown_member")
                ]
                for name in data
                if name not in known
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


class NetworkField(serializers.CharField):
    """An IPv4 or IPv6 address or network, kept in its canonical form."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=43, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Read `203.0.113.7`, `203.0.113.0/24` or the same in IPv6."""
        text = super().to_internal_value(data)
        try:
            (network,) = parse_networks((text,))
        except ValueError:
            raise serializers.ValidationError(
                "This is not an address or network such as 203.0.113.0/24.", code="network"
            ) from None
        return str(network)
