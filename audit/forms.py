"""Forms of the log and the security pages. Filters are forgiving: what is not a choice filters nothing."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from audit.models import Severity
from audit.vocabulary import TERMS
from config.common.events import catalogue

_ACTORS = (
    ("", "Anybody"),
    ("user", "A member"),
    ("staff", "Staff"),
    ("api_key", "An API key"),
    ("job", "A background job"),
    ("command", "An operator's command"),
)


class LogFilterForm(forms.Form):
    """Asks which entries of the log to show."""

    action = forms.ChoiceField(required=False, label="Action")
    actor_type = forms.ChoiceField(required=False, choices=_ACTORS, label="Who")
    since = forms.DateField(
        required=False, label="From", widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        required=False, label="To", widget=forms.DateInput(attrs={"type": "date"})
    )
    request_id = forms.CharField(
        required=False,
        max_length=64,
        label="Request id",
        widget=forms.TextInput(attrs={"placeholder": "Request id", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer every event of the product."""
        super().__init__(*args, **kwargs)
        field = self.fields["action"]
        assert isinstance(field, forms.ChoiceField)
        names = [event.name for event in catalogue()]
        field.choices = [("", "Any action"), *((name, name) for name in names)]

    def query(self) -> dict[str, str]:
        """Return the filters that are set, as they stand in the address."""
        self.is_valid()
        return {name: str(value) for name, value in self.cleaned_data.items() if value}

    def filters(self) -> dict[str, Any]:
        """Return the filters as `selectors.entries_where` takes them; days are whole, in the person's time zone."""
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        if "since" in given:
            given["since"] = _midnight(given["since"])
        last = given.pop("until", date.max)
        if last < date.max:
            given["until"] = _midnight(last + timedelta(days=1))
        return given


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


class FilterForm(forms.Form):
    """Asks which events to show."""

    severity = forms.ChoiceField(
        required=False, choices=[("", "Any severity"), *Severity.choices], label="Severity"
    )
    name = forms.ChoiceField(required=False, label="Kind")
    acknowledged = forms.ChoiceField(
        required=False,
        choices=[("", "Seen or not"), ("no", "Not acknowledged"), ("yes", "Acknowledged")],
        label="Acknowledged",
    )

    def __init__(self, *args: Any, names: frozenset[str] | None = None, **kwargs: Any) -> None:
        """Offer only some kinds where `names` says which; they are a person's own, which nobody acknowledges."""
        super().__init__(*args, **kwargs)
        if names:
            del self.fields["acknowledged"]
        kinds = [
            (term.name, term.title) for term in TERMS.values() if not names or term.name in names
        ]
        field = self.fields["name"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "Any kind"), *sorted(kinds, key=lambda kind: kind[1])]

    def query(self) -> dict[str, str]:
        """Return the filters that are set, as they stand in the address."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def filters(self) -> dict[str, Any]:
        """Return the filters as `selectors.narrowed` takes them."""
        given: dict[str, Any] = self.query()
        if "acknowledged" in given:
            given["acknowledged"] = given["acknowledged"] == "yes"
        return given


class AcknowledgeForm(forms.Form):
    """Asks what there is to say of an event."""

    note = forms.CharField(
        required=False,
        max_length=300,
        label="Note",
        help_text="What you found out, for those who look after you.",
    )
