"""Filters beside the back office's lists: in words that people read, under titles that say what they are about."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

_SPELLED = {
    "api": "API",
    "email": "e-mail",
    "ip": "IP",
    "last4": "last four characters",
    "totp": "TOTP",
    "url": "URL",
}
_ABBREVIATIONS = re.compile(rf"\b({'|'.join(_SPELLED)})\b")


def spelled(text: str) -> str:
    """Spell abbreviations as people do."""
    return _ABBREVIATIONS.sub(lambda word: _SPELLED[word[0]], text)


def words_of(value: str) -> str:
    """Make words of what machines call something: `api_key.outdated`, `accounts/new_device`, `RATE_LIMITED`."""
    text = re.sub(r"[._]", " ", value).replace("/", ": ")
    if text.isupper() and len(text) > 1:
        text = text.lower()
    text = spelled(text)
    return text[:1].upper() + text[1:]


class NamedValues(admin.AllValuesFieldListFilter):
    """Filters by the values that there are, as words; an empty one has a name, too, to click on."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Offer every value."""
        for choice in super().choices(changelist):
            display = str(choice["display"] or "")
            yield {**choice, "display": self.words_of(display) or "None"}

    def words_of(self, value: str) -> str:
        """Say what a value means."""
        return words_of(value)


def called(
    title: str, *, yes: str = "", no: str = "", kind: type[admin.FieldListFilter] | None = None
) -> type[admin.FieldListFilter]:
    """Return a filter with another title than its column's name, and with words for its two choices.

    Without a kind it is one by whether the column is empty.
    """
    words = {"Yes": yes, "Not empty": yes, "No": no, "Empty": no}

    class Called(kind or admin.EmptyFieldListFilter):  # type: ignore[misc]  # the base is chosen
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.title = title

        def choices(self, changelist: Any) -> Iterator[Any]:
            """Offer the choices by their words."""
            for choice in super().choices(changelist):
                display = str(choice["display"])
                yield {**choice, "display": words.get(display) or display}

    return Called


def among(
    title: str,
    column: str,
    choices: Callable[[], Iterable[tuple[str, str]]],
    *,
    parameter: str = "",
) -> type[admin.SimpleListFilter]:
    """Return a filter by one of the choices; they come from a catalogue, not from a walk through the table."""

    class Among(admin.SimpleListFilter):
        def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
            """Offer the choices."""
            return choices()

        def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
            """Keep the rows of the chosen one."""
            return queryset.filter(**{column: self.value()}) if self.value() else queryset

    Among.title, Among.parameter_name = title, parameter or column
    return Among


def switch(title: str, *, yes: str, no: str) -> type[admin.FieldListFilter]:
    """Return a filter by a yes or no, in words."""
    return called(title, yes=yes, no=no, kind=admin.BooleanFieldListFilter)
