"""The ZIP file of an export: a JSON file for each section, the person's picture, and a README that explains them."""

import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import orjson
from django.conf import settings
from django.template.loader import render_to_string

from accounts import avatars
from accounts.models import User
from accounts.services import personal_data
from accounts.services.personal_data import Row, Section

# After so many rows the caller hears how far it is.
_REPORT_EVERY = 500
_JSON = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS

# Takes whole per cents; whatever it raises ends the writing.
Report = Callable[[int], None]


def write(*, user: User, path: Path, report: Report) -> None:
    """Write everything we know about a person into a file that only we can read."""
    sections = personal_data.sections()
    path.touch(mode=0o600)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", _readme(user, sections))
        for number, section in enumerate(sections):
            done = number * 100 // len(sections)
            report(done)
            _write_section(archive, section, user, partial(report, done))
        picture = avatars.read(user.avatar)
        if picture is not None:
            archive.writestr("avatar.webp", picture)


def _readme(user: User, sections: list[Section]) -> str:
    values = {"user": user, "sections": sections, "product": settings.PRODUCT_NAME}
    return render_to_string("accounts/export_readme.txt", values)


def _write_section(
    archive: zipfile.ZipFile, section: Section, user: User, alive: Callable[[], None]
) -> None:
    with archive.open(f"{section.name}.json", "w") as file:
        file.write(b"[")
        for number, row in enumerate(section.collect(user)):
            file.write(b",\n" if number else b"\n")
            file.write(orjson.dumps(row, default=str, option=_JSON))
            if number % _REPORT_EVERY == _REPORT_EVERY - 1:
                alive()
        file.write(b"\n]\n")


def counts(user: User) -> Iterator[tuple[Section, int]]:
    """Yield every section with the number of its rows, for whoever wants to know before anything is written."""
    for section in personal_data.sections():
        rows: Iterator[Row] = iter(section.collect(user))
        yield section, sum(1 for _ in rows)
