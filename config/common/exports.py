"""Tables as files: CSV that no spreadsheet takes for formulas, and JSON Lines, written row by row.

CSV is RFC 4180 with the escaping of OWASP's ASVS 1.2.10: a text that begins like a formula gets a single quote in front,
and so does what begins like one behind a character at which spreadsheets of other countries begin a new cell.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

import orjson

# What spreadsheets begin a formula with, their full-width forms, and what makes them look one character further.
_FORMULA_STARTS = tuple("=+-@\t\r\n\0＝＋－＠|%")  # noqa: RUF001  the full-width forms are meant
# Within a text: what begins like a formula, behind quotation marks and spaces if there are any, where a cell begins for
# a program that divides at semicolons or tabs. To it our quotation marks are none, as they do not begin its cells, so
# that it ends rows at line breaks, too.
_FORMULA_WITHIN = re.compile(r"(?<=[;\t\r\n])(?=[\" ]*[=+\-@＝＋－＠|%])")  # noqa: RUF001
# Rows per piece: few system calls, and never more than a few kB in memory.
_PIECE = 100


class Format(StrEnum):
    """The kinds of file."""

    CSV = "csv"
    JSONL = "jsonl"

    @property
    def content_type(self) -> str:
        """What the file's type is called on the wire; both are UTF-8 unless something else is said (RFC 7111)."""
        return "text/csv" if self is Format.CSV else "application/jsonl"

    def headers(self, name: str) -> dict[str, str]:
        """Return what makes a browser save the file under a name, and nobody keep a copy on the way."""
        return {
            "Content-Disposition": f'attachment; filename="{name}.{self.value}"',
            "Cache-Control": "private, no-store",
        }


class _Line:
    """A file that hands back what was written last, so that the csv module need not hold a table."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        """Take one line."""
        self.text = text
        return len(text)


def written(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], file_format: Format
) -> Iterator[bytes]:
    """Yield a table piece by piece; only the named columns, in their order."""
    lines = _csv_lines(rows, columns) if file_format is Format.CSV else _json_lines(rows, columns)
    piece: list[bytes] = []
    for line in lines:
        piece.append(line)
        if len(piece) >= _PIECE:
            yield b"".join(piece)
            piece.clear()
    if piece:
        yield b"".join(piece)


def safe_cell(value: Any) -> str:
    """Return a value as a cell that is shown and never calculated."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _as_text(value)
    text = _FORMULA_WITHIN.sub("'", text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return orjson.dumps(value, default=str, option=orjson.OPT_UTC_Z).decode().strip('"')


def _csv_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[bytes]:
    line = _Line()
    writer = csv.writer(line, lineterminator="\r\n")
    writer.writerow(columns)
    yield line.text.encode()
    for row in rows:
        writer.writerow([safe_cell(row[name]) for name in columns])
        yield line.text.encode()


def _json_lines(rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Iterator[bytes]:
    for row in rows:
        kept = {name: row[name] for name in columns}
        yield orjson.dumps(kept, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
