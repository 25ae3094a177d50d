"""Forms of the security pages. Filters are forgiving: what is not a choice filters nothing."""

from typing import Any

from django import forms

from audit.models import Severity
from audit.vocabulary import TERMS


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
