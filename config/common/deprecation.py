"""Announcing what is about to go: `Deprecation` (RFC 9745), `Sunset` (RFC 8594) and a `Link` to what to do instead."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.http import http_date

_ALL = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Deprecation:
    """What goes, since when that is known, when it stops to be answered, and the page that says what to use.

    Without a `member` the whole operation goes; with one, only that member of its answers.
    """

    since: datetime
    sunset: datetime | None = None
    link: str
    member: str = ""
    methods: frozenset[str] = _ALL

    def headers(self) -> dict[str, str]:
        """Return the fields of an answer that is concerned."""
        link = f'<{self.link}>; rel="deprecation"; type="text/html"'
        fields = {"Deprecation": f"@{int(self.since.timestamp())}", "Link": link}
        if self.sunset is None:
            return fields
        fields["Sunset"] = http_date(self.sunset.timestamp())
        fields["Link"] += f', <{self.link}>; rel="sunset"; type="text/html"'
        return fields


def concerning(deprecations: tuple[Deprecation, ...], method: str) -> list[Deprecation]:
    """Return those that hold for a method; a HEAD is a GET."""
    asked = "GET" if method == "HEAD" else method
    return [one for one in deprecations if asked in one.methods]
