"""Forms of the webhook pages. They read texts; the services decide what is valid."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby
from typing import Any, ClassVar, cast

from django import forms

from config.common import jsonparser
from config.common.errors import DomainError
from config.common.event_schemas import EventType
from config.common.forms import RefusableForm, in_your_zone, overlap_field
from webhooks import catalogue, matching
from webhooks.models import Kind, Signature, Webhook
from webhooks.services import endpoints
from webhooks.services.endpoint_checks import MAX_CONCURRENCY, EndpointChanges, EndpointSettings
from webhooks.services.secrets import MAX_OVERLAP_SECONDS
from webhooks.services.testing import DEFAULT_TYPE

# Stands for the value of a custom header that is kept as it is.
KEPT = "•••"
_FILTERS_HELP = (
    'One per line: a path, an operator and a value, such as data.plan equals "PRO". Operators: '
    f"{', '.join(matching.OPERATORS)}."
)


class HeadersField(forms.CharField):
    """`Name: value`, one per line."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def to_python(self, value: Any) -> dict[str, str]:  # type: ignore[override]
        """Read the headers; a line without a colon is refused."""
        if isinstance(value, dict):
            return value
        found: dict[str, str] = {}
        for line in (super().to_python(value) or "").splitlines():
            if not line.strip():
                continue
            name, colon, text = line.partition(":")
            if not colon:
                raise forms.ValidationError(
                    "Write one header per line: Name: value.", code="header"
                )
            if name.strip() in found:
                raise forms.ValidationError(f"{name.strip()} is given twice.", code="header")
            found[name.strip()] = text.strip()
        return found

    def prepare_value(self, value: Any) -> Any:
        """Write one header per line."""
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{name}: {text}" for name, text in value.items())

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare headers, not their spelling."""
        try:
            return bool(self.to_python(initial or {}) != self.to_python(data or ""))
        except forms.ValidationError:
            return True


class FiltersField(forms.CharField):
    """`path operator value`, one per line; a value that is no JSON is a text."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def to_python(self, value: Any) -> list[dict[str, Any]]:  # type: ignore[override]
        """Read the filters."""
        if isinstance(value, list):
            return value
        lines = (super().to_python(value) or "").splitlines()
        return [self._read(line.split(maxsplit=2)) for line in lines if line.strip()]

    def _read(self, words: list[str]) -> dict[str, Any]:
        if len(words) < 2:
            raise forms.ValidationError(
                'Write a path, an operator and a value: data.plan equals "PRO".', code="filter"
            )
        condition: dict[str, Any] = {"path": words[0], "operator": words[1]}
        if len(words) == 3:
            condition["value"] = _value(words[2])
        return condition

    def prepare_value(self, value: Any) -> Any:
        """Write one filter per line."""
        if not isinstance(value, list):
            return value
        return "\n".join(matching.written(condition) for condition in value)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare filters, not their spelling."""
        try:
            return bool(self.to_python(initial or []) != self.to_python(data or ""))
        except forms.ValidationError:
            return True


def _value(text: str) -> Any:
    # The parser of the API takes objects only: so it stays as strict about what a value may be.
    try:
        return jsonparser.loads(b'{"value": %s}' % text.encode("utf-8", "replace"))["value"]
    except (DomainError, KeyError, TypeError):
        return text


def _choices() -> list[tuple[str, str]]:
    names = catalogue.type_names()
    areas = sorted({name.partition(".")[0] for name in names})
    return [(name, name) for name in [matching.ANY, *(f"{area}.*" for area in areas), *names]]


class WebhookForm(RefusableForm):
    """What can be told of an endpoint."""

    url = forms.CharField(
        label="URL",
        max_length=2048,
        widget=forms.TextInput(
            attrs={
                "inputmode": "url",
                "spellcheck": "false",
                "placeholder": "https://",
                "autofocus": True,
            }
        ),
        help_text="Where events are sent by POST. It must be reachable from the internet by https.",
    )
    description = forms.CharField(
        max_length=500, required=False, help_text="What it is for, such as “Bookkeeping”."
    )
    event_types = forms.MultipleChoiceField(choices=_choices, required=False)
    headers = HeadersField(
        label="Custom headers",
        required=False,
        help_text="One per line, such as X-Token: abc. Values are encrypted and never shown again.",
    )
    filters = FiltersField(label="Payload filters", required=False, help_text=_FILTERS_HELP)
    ordering_path = forms.CharField(
        label="Keep in order by",
        max_length=200,
        required=False,
        help_text="A path such as data.api_key_id: events with the same value there arrive one after the other.",
    )
    concurrency = forms.IntegerField(
        label="Requests at once", min_value=1, max_value=MAX_CONCURRENCY, initial=5
    )

    ADVANCED: ClassVar[tuple[str, ...]] = ("headers", "filters", "ordering_path", "signature")

    def advanced_in_use(self) -> bool:
        """Whether a field that is folded away has a value or an error, so that it must be seen."""
        rare = [self[name] for name in self.ADVANCED if name in self.fields]
        at_once = self["concurrency"]
        return (
            any(
                field.errors or field.value() not in {None, "", Signature.SYMMETRIC}
                for field in rare
            )
            or bool(at_once.errors)
            or str(at_once.value()) != str(at_once.field.initial)
        )

    def chosen(self) -> set[str]:
        """Return the patterns that are ticked; a form that nobody filled in yet means every event."""
        value = self["event_types"].value()
        return set(value) if value else set() if self.is_bound else {matching.ANY}

    def wants_all(self) -> bool:
        """Whether every event is meant, those that are introduced later among them."""
        return matching.ANY in self.chosen()

    def areas(self) -> list[dict[str, Any]]:
        """Return the event types by area, each with whether it is ticked."""
        chosen = self.chosen()
        rows = sorted(catalogue.event_types(), key=lambda row: row.name)
        return [
            _area(name, list(types), chosen)
            for name, types in groupby(rows, key=lambda row: row.name.partition(".")[0])
        ]

    def clean_event_types(self) -> list[str]:
        """Take `*` for all of it, and an area for its types. Raises ValidationError where nothing is ticked."""
        chosen: list[str] = self.cleaned_data["event_types"]
        if matching.ANY in chosen:
            return [matching.ANY]
        if not chosen:
            raise forms.ValidationError("Choose at least one event.", code="required")
        whole = [pattern for pattern in chosen if pattern.endswith(".*")]
        return [name for name in chosen if name in whole or not matching.wants_type(whole, name)]

    def settings(self) -> EndpointSettings:
        """Return all that was filled in, as the services take it."""
        return cast("EndpointSettings", dict(self.cleaned_data))


def _area(name: str, types: Iterable[EventType], chosen: set[str]) -> dict[str, Any]:
    rows = [{"type": row, "is_chosen": row.name in chosen} for row in types]
    is_whole = f"{name}.*" in chosen
    return {
        "name": name,
        "pattern": f"{name}.*",
        "types": rows,
        "is_whole": is_whole,
        "is_open": is_whole or any(row["is_chosen"] for row in rows),
    }


class CreateWebhookForm(WebhookForm):
    """What a new endpoint is told: the same, and what never changes."""

    kind = forms.ChoiceField(
        label="Sent as",
        choices=Kind.choices,
        initial=Kind.STANDARD,
        help_text="Chat services get a message in their own form; paste their incoming-webhook URL above.",
    )
    signature = forms.ChoiceField(
        choices=Signature.choices,
        initial=Signature.SYMMETRIC,
        help_text="With Ed25519, your server verifies by a public key and holds no secret.",
    )


class EditWebhookForm(WebhookForm):
    """What can be changed of an endpoint."""

    def __init__(self, data: Any = None, *, webhook: Webhook) -> None:
        self._webhook = webhook
        names = ("url", "description", "event_types", "filters", "ordering_path", "concurrency")
        initial: dict[str, Any] = {name: getattr(webhook, name) for name in names}
        initial["headers"] = dict.fromkeys(webhook.header_names, KEPT)
        super().__init__(data, initial=initial)
        headers = self.fields["headers"]
        headers.help_text = f"One per line. {KEPT} keeps a value as it is; a line that is taken away takes its header away."

    def changes(self) -> EndpointChanges:
        """Return what was changed; headers whole, with the values that are kept."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        if "headers" in changed:
            present = endpoints.headers_of(self._webhook)
            changed["headers"] = {
                name: present.get(name, value) if value == KEPT else value
                for name, value in changed["headers"].items()
            }
        return cast("EndpointChanges", changed)


class RotateSecretForm(RefusableForm):
    """How long the present secret goes on signing."""

    overlap_seconds = overlap_field(
        "The current secret also signs for",
        at_most=MAX_OVERLAP_SECONDS,
        help_text="Meanwhile every delivery carries both signatures.",
    )


class TestEventForm(RefusableForm):
    """Which event to send an example of."""

    # The name says what it is; pytest is not to look for tests in it.
    __test__ = False

    event_type = forms.ChoiceField(
        label="Event",
        choices=lambda: [(name, name) for name in catalogue.type_names()],
        initial=DEFAULT_TYPE,
    )


def _moment(label: str, help_text: Any, *, required: bool = True) -> forms.DateTimeField:
    written = "%Y-%m-%dT%H:%M"
    return forms.DateTimeField(
        label=label,
        required=required,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format=written),
        input_formats=[written, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        help_text=help_text,
    )


class PeriodForm(RefusableForm):
    """What to send again, of which time."""

    RECOVER, REPLAY = "recover", "replay"

    what = forms.ChoiceField(
        label="Send again",
        choices=[
            (RECOVER, "What failed: deliveries that were given up or canceled"),
            (REPLAY, "What is missing: events that this webhook was never sent"),
        ],
        initial=RECOVER,
        widget=forms.RadioSelect,
    )
    since = _moment("Events since", in_your_zone())
    until = _moment("Until", "Empty: up to now.", required=False)

    def clean_until(self) -> datetime | None:
        """Refuse a time that ends before it begins."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data["until"]
        if since is not None and until is not None and until <= since:
            raise forms.ValidationError("Choose a time after the other one.", code="until")
        found: datetime | None = until
        return found


class WhyForm(forms.Form):
    """Which message is asked about."""

    message = forms.CharField(
        label="Message id",
        max_length=40,
        widget=forms.TextInput(attrs={"placeholder": "msg_…", "spellcheck": "false"}),
        help_text="The webhook-id that the event would have had; choose one from the list below.",
    )
