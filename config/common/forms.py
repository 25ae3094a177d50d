"""What the forms of several apps share. Forms read texts; the services decide what is valid."""

from collections.abc import Mapping
from typing import Any, ClassVar

import orjson
from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.functional import lazy
from django.views.decorators.http import require_http_methods

from config.common import jsonparser
from config.common.errors import DomainError, TooManyRequests

# A page with a form: it is shown, and takes what was filled in under the same address.
form_page = require_http_methods(["GET", "HEAD", "POST"])


def _in_your_zone(more: str = "") -> str:
    """Return the help text of a time, which is read in the time zone of whoever fills in the form."""
    return f"In your time zone, {timezone.get_current_timezone_name()}. {more}".strip()


# Said when a form is shown: whose zone it is, is not known when the form is defined.
in_your_zone = lazy(_in_your_zone, str)


# The columns of a rate, which is given whole or not at all.
RATE = ("rate_limit", "rate_per_seconds", "rate_burst")


def require_whole_rate(data: Mapping[str, Any]) -> None:
    """Raise ValidationError for a part of a rate."""
    given = [bool(data.get(name)) for name in RATE]
    if any(given) and not all(given):
        raise forms.ValidationError(
            "A rate needs its limit, its seconds and its burst, or none of them."
        )


def move_focus(form: forms.BaseForm) -> None:
    """Put the cursor where something is to be done: at the first fault, or the first gap.

    A form that says itself where it begins is left alone, unless that place is filled in before anybody has typed.
    """
    widgets = {name: field.widget for name, field in form.fields.items()}
    faulty = [name for name in widgets if name in form.errors]
    gaps = [name for name, widget in widgets.items() if _is_gap(form[name], widget)]
    begins = next((name for name, widget in widgets.items() if "autofocus" in widget.attrs), None)
    is_filled_in = bool(not form.is_bound and gaps and begins and form[begins].value())
    if not form.errors and not is_filled_in:
        return
    for name, widget in widgets.items():
        widget.attrs.pop("autofocus", None)
        if name == next(iter(faulty + gaps), None):
            widget.attrs["autofocus"] = True


def _is_gap(field: forms.BoundField, widget: forms.Widget) -> bool:
    # A password is not shown again, whatever was typed.
    return field.field.required and (
        isinstance(widget, forms.PasswordInput) or field.value() in (None, "")
    )


class RefusableForm(forms.Form):
    """A form that can show why the domain refused it."""

    # Parts of what the domain takes, such as `rate/burst`, whose field has another name than their first part.
    renamed: ClassVar[Mapping[str, str]] = {}
    refusal: DomainError | None = None

    def refuse(self, error: DomainError) -> None:
        """Put each fault at its field, said once, and what concerns no field above the form."""
        self.refusal = error
        for fault in error.errors:
            place = fault.pointer.removeprefix("#/")
            part = place.split("/")[0]
            name = self.renamed.get(place) or self.renamed.get(part, part)
            message = fault.told()
            field = name if name in self.fields else None
            if message not in self.errors.get(field or NON_FIELD_ERRORS, ()):
                self.add_error(field, message)
        if not error.errors:
            self.add_error(None, error.told())


def with_form(
    request: HttpRequest, template: str, form: RefusableForm | None, **context: Any
) -> HttpResponse:
    """Show a page with its form. If that was refused for a pause, the status and the headers say so, too."""
    page = render(request, template, {"form": form, **context})
    if form is not None and isinstance(form.refusal, TooManyRequests):
        page.status_code = form.refusal.status
        for name, value in form.refusal.headers.items():
            page[name] = value
    return page


_OVERLAPS = (
    (0, "Stop it at once"),
    (3_600, "1 hour"),
    (86_400, "24 hours"),
    (604_800, "7 days"),
    (2_592_000, "30 days"),
)


def overlap_field(label: str, *, at_most: int, help_text: str) -> forms.TypedChoiceField:
    """Return the field that asks for how many seconds a secret stays good beside the one that replaces it."""
    return forms.TypedChoiceField(
        label=label,
        choices=[(seconds, name) for seconds, name in _OVERLAPS if seconds <= at_most],
        coerce=int,
        initial=86_400,
        widget=forms.RadioSelect,
        help_text=help_text,
    )


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


class JsonObjectField(forms.CharField):
    """A JSON object, read as strictly as the API reads bodies."""

    widget = forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})

    def to_python(self, value: Any) -> dict[str, Any]:  # type: ignore[override]
        """Read the object; nothing is the empty one."""
        if isinstance(value, dict):
            return value
        text = super().to_python(value)
        try:
            document = jsonparser.loads(text.encode("utf-8", "replace")) if text else {}
        except DomainError as error:
            raise forms.ValidationError(error.detail, code=error.code) from None
        if not isinstance(document, dict):
            raise forms.ValidationError(
                'Write a JSON object, such as {"team": "payments"}.', code="object"
            )
        return document

    def prepare_value(self, value: Any) -> Any:
        """Write the object with indentation; the empty one as nothing."""
        if not isinstance(value, dict):
            return value
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if value else ""

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare objects, not their spelling."""
        try:
            return bool((initial or {}) != self.to_python(data or ""))
        except forms.ValidationError:
            return True
