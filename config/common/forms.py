"""What the forms of several apps share. Forms read texts; the services decide what is valid."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.utils import timezone
from django.utils.functional import lazy

from config.common.errors import DomainError


def _in_your_zone(more: str = "") -> str:
    """Return the help text of a time, which is read in the time zone of whoever fills in the form."""
    return f"In your time zone, {timezone.get_current_timezone_name()}. {more}".strip()


# Said when a form is shown: whose zone it is, is not known when the form is defined.
in_your_zone = lazy(_in_your_zone, str)


class RefusableForm(forms.Form):
    """A form that can show why the domain refused it."""

    # Parts of what the domain takes, such as `rate/burst`, whose field has another name than their first part.
    renamed: ClassVar[Mapping[str, str]] = {}

    def refuse(self, error: DomainError) -> None:
        """Put each fault at its field, and what concerns no field above the form."""
        for fault in error.errors:
            place = fault.pointer.removeprefix("#/")
            part = place.split("/")[0]
            name = self.renamed.get(place) or self.renamed.get(part, part)
            message = f"{fault.message} {fault.fix}".strip()
            self.add_error(name if name in self.fields else None, message)
        if not error.errors:
            self.add_error(None, f"{error.detail} {error.fix}".strip())


class LinesField(forms.CharField):
    """Entries divided by line breaks, spaces or commas."""

    widget = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        """Read the entries."""
        if isinstance(value, list):
            return value
        return (super().to_python(value) or "").replace(",", " ").split()

    def prepare_value(self, value: Any) -> Any:
        """Write one entry per line."""
        return "\n".join(value) if isinstance(value, list) else value

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare entries, not their spelling."""
        return bool(self.to_python(initial or []) != self.to_python(data or ""))
