"""Shapes of usage in and out. Reading the query is also checking that the roll-ups can answer it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.models import time_zones
from analytics.selectors.measures import DEFAULT, MEASURES
from config.common.fields import StrictSerializer

_MAX_BUCKETS = {"hour": 62 * 24, "day": 732, "total": 732}
_SHORT = timedelta(days=3)
_LONGEST = timedelta(days=732)
_EPOCH = datetime.fromtimestamp(0, UTC)
_MAX_LISTED = 100


class ListField(serializers.CharField):
    """Values divided by commas, each of them once."""

    def __init__(self, *, child: serializers.Field[Any, Any, Any, Any], **kwargs: Any) -> None:
        super().__init__(max_length=10_000, **kwargs)
        self.child = child

    def to_internal_value(self, data: Any) -> Any:
        """Read the values."""
        words = [word.strip() for word in super().to_internal_value(data).split(",")]
        if len(words) > _MAX_LISTED:
            raise serializers.ValidationError(f"At most {_MAX_LISTED} values.", code="too_many")
        return tuple(dict.fromkeys(self.child.run_validation(word) for word in words))


@extend_schema_field({"type": "string", "format": "date-time"})
class MomentField(serializers.DateTimeField):
    """A time; without an offset it is meant in the query's time zone."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Leave the time as it was written."""
        if not 2000 <= value.year <= 2200:
            raise serializers.ValidationError("The year is between 2000 and 2200.", code="range")
        return value


class TimeZoneField(serializers.CharField):
    """A time zone by its IANA name."""

    def to_internal_value(self, data: Any) -> Any:
        """Find the zone."""
        name = super().to_internal_value(data)
        if name not in time_zones():
            raise serializers.ValidationError(
                "This is not the name of a time zone, such as Europe/Berlin.", code="time_zone"
            )
        return ZoneInfo(name)


class PeriodSerializer(StrictSerializer):
    """What every question about usage may say: the period, its grain, and what to measure."""

    measures = ListField(
        child=serializers.ChoiceField(sorted(MEASURES)),
        required=False,
        help_text=f"What to measure, divided by commas; `{','.join(DEFAULT)}` if left out. "
        + " ".join(f"`{name}`: {text}" for name, text in MEASURES.items()),
    )
    granularity = serializers.ChoiceField(
        ["hour", "day", "total"],
        required=False,
        help_text="The length of a bucket; `total` is one bucket. Hours for up to three days if left out, else days.",
    )
    time_zone = TimeZoneField(
        required=False,
        help_text="In which days begin, by its IANA name; UTC if left out. Usage is kept by hours of UTC: where the "
        "offset is no whole number of hours, a day begins with the first hour that begins in it.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Add the two whose names are words of the language."""
        beginning = MomentField(
            required=False,
            help_text="Beginning of the period, widened to the whole hour (by route: the whole day); a day before the "
            "end if left out, or 30 days for `day` and `total`.",
        )
        end = MomentField(
            required=False,
            help_text="End of the period, which is not part of it, widened likewise; now if left out.",
        )
        return {**super().get_fields(), "from": beginning, "to": end}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in what was left out and turn the period into whole hours or days."""
        attrs = {"measures": DEFAULT, "time_zone": ZoneInfo("UTC"), **attrs}
        zone, step = attrs["time_zone"], self.step(attrs)
        last = _rounded_up(_moment(attrs.pop("to", timezone.now()), zone), step)
        given = attrs.get("granularity")
        usual = timedelta(days=1 if given in {None, "hour"} and step < _SHORT / 3 else 30)
        first = _rounded_down(_moment(attrs.pop("from", last - usual), zone), step)
        if first >= last:
            raise _fault("from", "The period ends before it begins.", "period")
        granularity = given or ("hour" if last - first <= _SHORT and step < _SHORT / 3 else "day")
        if (
            last - first > _LONGEST
            or (last - first) / _length(granularity) > _MAX_BUCKETS[granularity]
        ):
            message = "The period is too long: 62 days by the hour, 732 days otherwise."
            raise _fault("from", message, "period")
        return {**attrs, "granularity": granularity, "first": first, "last": last}

    def step(self, attrs: dict[str, Any]) -> timedelta:
        """Return in what steps the period can be counted."""
        return timedelta(hours=1)


class KeyUsageQuerySerializer(PeriodSerializer):
    """The question for one key."""


class UsageQuerySerializer(PeriodSerializer):
    """The question for a whole organization."""

    group_by = serializers.ChoiceField(
        ["key", "route"],
        required=False,
        help_text="One row per bucket and key, or per bucket and route, instead of one per bucket.",
    )
    key_id = ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        help_text="Only these keys, divided by commas.",
    )
    route = ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        help_text="Only these routes as they are named in answers, such as `GET /v1/orders/{id}`, divided by commas.",
    )

    def step(self, attrs: dict[str, Any]) -> timedelta:
        """Return a day when it is about routes."""
        return timedelta(days=1) if _is_about_routes(attrs) else timedelta(hours=1)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what no roll-up can answer."""
        if _is_about_routes(attrs):
            if attrs.get("key_id") or attrs.get("group_by") == "key":
                place = "key_id" if attrs.get("key_id") else "group_by"
                raise _fault(place, "Usage is kept by key or by route, not by both.", "combination")
            if attrs.get("granularity") == "hour":
                raise _fault("granularity", "Usage by route is kept by the day.", "combination")
            if "time_zone" in attrs and attrs["time_zone"].key != "UTC":
                raise _fault("time_zone", "Usage by route is kept by days of UTC.", "combination")
        return super().validate(attrs)


class MeasuresSerializer(serializers.Serializer[Any]):
    """The measures that were asked for; the others are left out. Latencies are null until calls were reported."""

    def get_fields(self) -> dict[str, Any]:
        """Describe every measure."""
        return {
            name: serializers.IntegerField(
                required=False, help_text=text, allow_null=name.startswith("latency")
            )
            for name, text in MEASURES.items()
        }


class UsageRowSerializer(MeasuresSerializer):
    """One bucket, of one key or route if the question says so."""

    def get_fields(self) -> dict[str, Any]:
        """Describe what a row is about, then its measures."""
        return {
            "bucket": serializers.DateTimeField(
                required=False, help_text="When the bucket begins; left out with `total`."
            ),
            "key_id": serializers.IntegerField(required=False),
            "route": serializers.CharField(required=False),
            "api_id": serializers.IntegerField(required=False, allow_null=True),
            **super().get_fields(),
        }


class UsageSerializer(serializers.Serializer[Any]):
    """Usage over time. Rows are bounded by 10,000; without groups every bucket of the period is there."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    granularity = serializers.ChoiceField(["hour", "day", "total"])
    time_zone = serializers.CharField()
    totals = MeasuresSerializer()

    def get_fields(self) -> dict[str, Any]:
        """Add the rows, whose name means something else to serializers."""
        return {**super().get_fields(), "data": UsageRowSerializer(many=True)}


class KeyActivitySerializer(serializers.Serializer[Any]):
    """When, from where and by what a key was used."""

    first_used_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True)
    last_ip = serializers.IPAddressField(allow_null=True)
    last_user_agent = serializers.CharField()


class KeyUsageSerializer(UsageSerializer):
    """Usage of one key over time."""

    key_id = serializers.IntegerField()
    activity = KeyActivitySerializer()


class SecondSerializer(serializers.Serializer[Any]):
    """One second."""

    at = serializers.DateTimeField()
    calls = serializers.IntegerField()
    refused = serializers.IntegerField()
    units = serializers.IntegerField()


class RealTimeSerializer(serializers.Serializer[Any]):
    """The last 60 whole seconds. The newest may still grow: calls are counted a moment after they were made."""

    window_seconds = serializers.IntegerField()
    calls = serializers.IntegerField()
    refused = serializers.IntegerField()
    units = serializers.IntegerField()
    per_second = SecondSerializer(many=True)


def _is_about_routes(attrs: dict[str, Any]) -> bool:
    return attrs.get("group_by") == "route" or bool(attrs.get("route"))


def _fault(field: str, message: str, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({field: [serializers.ErrorDetail(message, code=code)]})


def _moment(value: datetime, zone: ZoneInfo) -> datetime:
    return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)


def _rounded_down(value: datetime, step: timedelta) -> datetime:
    return value - (value - _EPOCH) % step


def _rounded_up(value: datetime, step: timedelta) -> datetime:
    return _EPOCH - (_EPOCH - value) // step * step


def _length(granularity: str) -> timedelta:
    return timedelta(hours=1) if granularity == "hour" else timedelta(days=1)
