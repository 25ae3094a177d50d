"""Shapes of what people are told in the portal."""

from typing import Any

from rest_framework import serializers

from accounts.models import Notice
from config.common.fields import StrictSerializer


class ListNoticesSerializer(StrictSerializer):
    """Which notices are asked for."""

    unread = serializers.BooleanField(
        required=False, help_text="Only those that are unread, or only those that are read."
    )
    kind = serializers.RegexField(
        r"^[a-z0-9_]+(\.[a-z0-9_]+)*$",
        required=False,
        max_length=60,
        help_text="Only those of one kind, such as `broadcast.sent`.",
    )


class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """Something that a person is told."""

    class Meta:
        model = Notice
        fields = ("id", "kind", "title", "body", "link", "created_at", "read_at")
        read_only_fields = fields


class ReadNoticesSerializer(StrictSerializer):
    """Up to which notice everything was read."""

    up_to = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        help_text="The id of the newest notice that was shown.",
    )


class UnreadSerializer(serializers.Serializer[Any]):
    """How many notices are new."""

    unread = serializers.IntegerField(read_only=True, min_value=0, max_value=100)


class ReadSerializer(serializers.Serializer[Any]):
    """How many notices were unread until now."""

    read = serializers.IntegerField(read_only=True, min_value=0)
