"""The shape of a device that is known, and how what refers to one is expanded."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from accounts import selectors
from accounts.models import Device
from config.common.expansion import Relation


class DeviceSerializer(serializers.ModelSerializer[Device]):
    """A browser or client with which the person has signed in."""

    class Meta:
        model = Device
        fields = ("id", "ip", "user_agent", "trusted_until", "last_used_at", "created_at")
        read_only_fields = fields


def _devices(view: Any, ids: list[int]) -> Mapping[int, Any]:
    found = selectors.devices_of(view.person).filter(pk__in=ids)
    return {one.pk: dict(DeviceSerializer(one).data) for one in found}


# Which of the person's devices is meant.
DEVICE = Relation(DeviceSerializer, lambda row: row["device_id"], _devices)
