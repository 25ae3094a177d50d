"""Files of tables: nothing in CSV is a formula, whatever it begins with; JSON Lines say what there is."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from config.common.exports import Format, safe_cell, written

AT = datetime(2026, 2, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "start",
    ["=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20", "|", "%"],
)
def test_what_begins_like_a_formula_gets_a_quote(start):
    assert safe_cell(f"{start}1+1") == f"'{start}1+1"


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"),
        ("a=b", "a=b"),
        ("", ""),
        (None, ""),
        (True, "true"),
        (5, "5"),
        (-5, "'-5"),
        (0.5, "0.5"),
        (AT, "2026-02-01T08:00:00Z"),
        ({"a": "=1"}, '{"a":"=1"}'),
        ([1, 2], "[1,2]"),
    ],
)
def test_cells(value, cell):
    assert safe_cell(value) == cell


def test_commas_quotes_and_lines_survive():
    texts = ['a,"b"', "two\r\nlines", "Zoë ☕"]
    content = b"".join(written([{"text": text} for text in texts], ["text"], Format.CSV))

    assert [
        row["text"] for row in csv.DictReader(io.StringIO(content.decode(), newline=""))
    ] == texts
    assert content.startswith(b"text\r\n")


def test_json_lines():
    rows = [{"at": AT, "n": -5, "text": "=1", "more": 1}]

    content = b"".join(written(rows, ["at", "n", "text"], Format.JSONL))

    assert [json.loads(line) for line in content.splitlines()] == [
        {"at": "2026-02-01T08:00:00Z", "n": -5, "text": "=1"}
    ]


def test_rows_are_read_as_they_are_sent():
    read = []

    def rows():
        for number in range(1_000):
            read.append(number)
            yield {"n": number}

    pieces = written(rows(), ["n"], Format.JSONL)
    next(pieces)

    assert len(read) == 100
