"""Forms of the key pages and of the back office. They read texts; the services decide what is valid."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms

from apikeys.gateway.plans import MICRO
from apikeys.models import Api, ApiKey, Environment, QuotaPeriods, Refills, RouteRule
from apikeys.services.api_checks import api_faults, rule_faults
from apikeys.services.key_checks import (
    MAX_PER_SECONDS,
    MAX_RATE,
    MAX_UNITS,
    KeyChanges,
    KeySettings,
)
from apikeys.services.rotation import MAX_OVERLAP_SECONDS
from config.common.errors import Faults
from config.common.forms import (
    JsonObjectField,
    LinesField,
    RefusableForm,
    in_your_zone,
    overlap_field,
)

_RATE = ("rate_limit", "rate_per_seconds", "rate_burst")
_QUOTA = ("quota_limit", "quota_period")
_CREDITS = ("credits", "credits_refill")
_COUNTED = (
    "Calls with another outcome cost no units once the proxy has reported it: 2xx, 404. "
    "Empty: every outcome counts."
)


class KeyForm(RefusableForm):
    """What can be told of a key; used for new keys as it is."""

    renamed: ClassVar[dict[str, str]] = {
        "rate": "rate_limit",
        "rate/per_seconds": "rate_per_seconds",
        "rate/burst": "rate_burst",
        "quota": "quota_limit",
        "quota/period": "quota_period",
        "credits/refill": "credits_refill",
    }

    name = forms.CharField(
        max_length=80,
        widget=forms.TextInput(attrs={"autofocus": True}),
        help_text="What uses it, such as “Checkout service”.",
    )
    environment = forms.ChoiceField(
        choices=Environment.choices,
        widget=forms.RadioSelect,
        initial=Environment.LIVE,
        help_text="Part of the key itself; it cannot be changed later.",
    )
    description = forms.CharField(max_length=500, required=False)
    scopes = LinesField(
        required=False, help_text="One per line, such as orders:read, orders:* or *."
    )
    expires_at = forms.DateTimeField(
        label="Expires",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        help_text=in_your_zone("Empty: never."),
    )
    rate_limit = forms.IntegerField(label="Calls", min_value=1, max_value=MAX_RATE, required=False)
    rate_per_seconds = forms.IntegerField(
        label="Per seconds", min_value=1, max_value=MAX_PER_SECONDS, required=False
    )
    rate_burst = forms.IntegerField(
        label="Burst",
        min_value=1,
        max_value=MAX_RATE,
        required=False,
        help_text="Calls that may come at once.",
    )
    quota_limit = forms.IntegerField(
        label="Units", min_value=1, max_value=MAX_UNITS, required=False
    )
    quota_period = forms.ChoiceField(
        label="Period", choices=[("", "Calendar month"), *QuotaPeriods.choices], required=False
    )
    credits = forms.DecimalField(
        min_value=0,
        max_value=MAX_UNITS // MICRO,
        max_digits=16,
        decimal_places=6,
        required=False,
        help_text="A key with credits is refused when they are spent.",
    )
    credits_refill = forms.ChoiceField(
        label="Filled up again", choices=Refills.choices, initial=Refills.NONE, required=False
    )
    ip_allowlist = LinesField(
        label="Addresses", required=False, help_text="Such as 203.0.113.0/24 or 2001:db8::/32."
    )
    allowed_origins = LinesField(
        label="Origins",
        required=False,
        help_text="Such as https://app.example.com or https://*.example.com.",
    )
    external_id = forms.CharField(
        label="External id", max_length=255, required=False, help_text="Your own id for this key."
    )
    metadata = JsonObjectField(required=False, help_text="A JSON object of at most 10 kB.")

    def clean(self) -> dict[str, Any]:
        """Refuse half of a rate; a period without a limit is no quota."""
        data = super().clean() or self.cleaned_data
        is_half = data.get("rate_limit") is None and any(data.get(name) for name in _RATE)
        if is_half and "rate_limit" not in self.errors:
            self.add_error("rate_limit", "Fill this in too, or leave all three empty.")
        if data.get("quota_limit") is None:
            data["quota_period"] = ""
        return data

    def settings(self) -> KeySettings:
        """Return all that was filled in, as the services take it."""
        return cast("KeySettings", self._columns(self.cleaned_data))

    def _columns(self, names: Iterable[str]) -> dict[str, Any]:
        """Return these fields under the names of the columns they fill."""
        columns = {name: self.cleaned_data[name] for name in names}
        if "credits" in columns:
            amount: Decimal | None = columns.pop("credits")
            columns["credits_micro"] = None if amount is None else int(amount * MICRO)
        return columns


class EditKeyForm(KeyForm):
    """What can be changed of a key."""

    enabled = forms.BooleanField(
        required=False,
        label="Enabled",
        help_text="A disabled key is refused within two seconds and can be enabled again.",
    )
    environment = None  # type: ignore[assignment]  # it is part of the secret

    def __init__(self, data: Any = None, *, key: ApiKey) -> None:
        initial: dict[str, Any] = {
            name: getattr(key, name)
            for name in self.base_fields
            if name not in {"enabled", "credits"}
        }
        initial["enabled"] = key.disabled_at is None
        if key.credits_micro is not None:
            initial["credits"] = Decimal(key.credits_micro) / MICRO
        if key.expires_at is not None:
            initial["expires_at"] = key.expires_at.replace(second=0, microsecond=0)
        super().__init__(data, initial=initial)

    def changes(self) -> KeyChanges:
        """Return what was changed; a rate, a quota and credits whole."""
        names = set(self.changed_data)
        for group in (_RATE, _QUOTA, _CREDITS):
            if names.intersection(group):
                names.update(group)
        return cast("KeyChanges", self._columns(names))


class RotateKeyForm(RefusableForm):
    """How long the old secret goes on working."""

    overlap_seconds = overlap_field(
        "The current secret works for",
        at_most=MAX_OVERLAP_SECONDS,
        help_text="Never beyond the time at which the key itself expires.",
    )


class RevokeKeyForm(RefusableForm):
    """Asks nothing: revoking is confirmed by sending it."""


_METER_HELP = (
    "A name for bills to come. It has no effect yet: units of all meters are counted together."
)


class _CheckedForm(forms.ModelForm[Any]):
    """A model form that also asks the domain's own checks, so that faults show at their fields."""

    # Returns what is wrong with a row, after bringing it into its canonical form.
    faults_of: Callable[[Any], Faults]

    def clean(self) -> dict[str, Any]:
        """Check a row made of what was filled in."""
        data = super().clean() or self.cleaned_data
        row = self._meta.model(
            **{name: data[name] for name in data if name in (self._meta.fields or ())}
        )
        for fault in self.faults_of(row):
            name = fault.pointer.split("/")[1]
            if name in data:
                self.add_error(name, fault.told())
        return {name: getattr(row, name, value) for name, value in data.items()}


class ApiForm(_CheckedForm):
    """An API as staff describe it."""

    hints: ClassVar[dict[str, str]] = {
        "slug": "By which a proxy may name it: api=…",
        "hosts": "Separated by commas; empty: any host.",
        "base_path": "Under which its routes begin, such as /v1.",
        "upstream_note": "For staff only: where it runs, whom to ask.",
        "unknown_route_policy": "What happens to a call that none of the rules below describes.",
        "default_scope": "What a key needs for such a call; empty: nothing.",
        "default_cost": "Units that such a call uses.",
        "default_meter": _METER_HELP,
        "default_counted_statuses": _COUNTED,
        "mode": "Strict: each call is in the log before it passes. Leased: faster, and a process "
        "that is killed may lose 100 ms of the log, but no charge, quota or limit.",
        "sends_assertion": "Each call that passes carries a signed token, which says whose it is.",
    }

    class Meta:
        model = Api
        fields = (
            "name",
            "slug",
            "hosts",
            "base_path",
            "upstream_note",
            "unknown_route_policy",
            "default_scope",
            "default_cost",
            "default_meter",
            "default_rate_limit",
            "default_rate_per_seconds",
            "default_rate_burst",
            "default_counted_statuses",
            "mode",
            "sends_assertion",
        )

    def faults_of(self, row: Any) -> Faults:
        """Ask the checks of APIs."""
        return api_faults(row)


class RouteRuleForm(_CheckedForm):
    """A route rule as staff describe it."""

    class Meta:
        model = RouteRule
        fields = (
            "methods",
            "path_pattern",
            "required_scope",
            "cost",
            "meter",
            "rate_limit",
            "rate_per_seconds",
            "rate_burst",
            "mode",
            "counted_statuses",
        )
        help_texts: ClassVar = {
            "methods": "Separated by commas; empty: any.",
            "path_pattern": "Below the base path, such as /orders/{id} or /files/*.",
            "required_scope": "Such as orders:read; empty: none.",
            "cost": "Units that a call uses.",
            "rate_limit": "Calls of one key; empty: its own rate alone.",
            "rate_per_seconds": "In so many seconds.",
            "rate_burst": "Calls at once.",
            "mode": "Empty: as the API.",
            "counted_statuses": _COUNTED,
            "meter": _METER_HELP,
        }

    def faults_of(self, row: Any) -> Faults:
        """Ask the checks of route rules."""
        return rule_faults(row)
