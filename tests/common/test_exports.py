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


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("a;=1+1", "a;'=1+1"),
        ('a;"=1+1;b', "a;'\"=1+1;b"),
        ("a; \t@x", "a; \t'@x"),
        ("two\r\n=1+1", "two\r\n'=1+1"),
        ("two\n-1;+2", "two\n'-1;'+2"),
        ("a;\uff1d1", "a;'\uff1d1"),
        ("a; b; c=d", "a; b; c=d"),
        ("a,=1", "a,=1"),
    ],
)
def test_what_begins_like_a_formula_in_a_cell_of_other_programs_gets_a_quote(text, cell):
    assert safe_cell(text) == cell


@pytest.mark.parametrize("text", ["x;=1+1;", 'x;"=1+1";', "x\n=1+1\ny", "x\t=1+1\ty", "x;\r=1+1"])
def test_no_cell_is_a_formula_wherever_a_program_divides(text):
    rows = [{"id": 1, "text": text, "more": text}]
    content = b"".join(written(rows, ["id", "text", "more"], Format.CSV)).decode()

    for divider in ",;\t":
        lines = csv.reader(io.StringIO(content, newline=""), delimiter=divider)
        cells = [cell for line in lines for cell in line]
        assert not [cell for cell in cells if cell.lstrip('" ').startswith(("=", "@", "+"))]


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
