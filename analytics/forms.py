"""Filters of the usage pages. What makes no sense falls back to the usual view instead of an error."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet

from analytics.selectors.keys import key_filter
from analytics.selectors.usage import UsageQuery, first_hour
from apikeys.models import ApiKey
from organizations.models import Organization

DEFAULT_RANGE = "24h"
_DAYS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90, "365d": 365}
_RANGES = (
    ("24h", "Last 24 hours"),
    ("7d", "Last 7 days"),
    ("30d", "Last 30 days"),
    ("90d", "Last 90 days"),
    ("365d", "Last 365 days"),
)
_GRAINS = (("", "Automatic"), ("hour", "Hours"), ("day", "Days"))
# More hours than this are no chart any more.
_MAX_DAYS_BY_HOUR = 31


class UsageFilterForm(forms.Form):
    """Which part of an organization's usage to show."""

    range = forms.ChoiceField(choices=_RANGES, required=False, label="Period")
    granularity = forms.ChoiceField(choices=_GRAINS, required=False, label="Show")
    key = forms.CharField(
        required=False,
        label="Key",
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": "All keys", "list": "suggested-keys"}
        ),
    )

    def __init__(self, data: Any, *, keys: QuerySet[ApiKey]) -> None:
        given = {name: data[name] for name in data}
        self.chosen = key_filter(keys, given.get("key", "").strip())
        super().__init__({"range": DEFAULT_RANGE, **given, "key": self.chosen.text})

    def question(self, organization: Organization, *, at: datetime, zone: ZoneInfo) -> UsageQuery:
        """Return what the filters ask for, about the time up to `at`."""
        self.full_clean()
        days = _DAYS.get(self.cleaned_data.get("range") or "", _DAYS[DEFAULT_RANGE])
        grain = self.cleaned_data.get("granularity") or ("hour" if days <= 7 else "day")
        grain = grain if days <= _MAX_DAYS_BY_HOUR else "day"
        last = _next_hour(at)
        today = at.astimezone(zone).date()
        return UsageQuery(
            organization=organization,
            first=(
                last - timedelta(days=1)
                if days == 1
                else first_hour(today - timedelta(days=days - 1), zone)
            ),
            last=last,
            granularity=grain,
            zone=zone,
            key_ids=self.chosen.ids,
        )


def _next_hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
