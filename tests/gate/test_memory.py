"""What is remembered between calls stays small, whatever strangers send."""

from apikeys.gateway import metering
from apikeys.gateway.memory import Remembered


def test_an_answer_is_kept_and_returned():
    table: Remembered[tuple[object, ...], int] = Remembered()

    assert table.keep(("peer", b"agent", None), 1) == 1
    assert table == {("peer", b"agent", None): 1}


def test_a_long_question_is_answered_and_forgotten():
    table: Remembered[tuple[object, ...], int] = Remembered()

    assert table.keep((b"a" * 600, b"b" * 424), 1) == 1
    assert table.keep((b"a" * 600, b"b" * 425), 2) == 2
    assert list(table.values()) == [1]


def test_a_full_table_begins_anew():
    table: Remembered[tuple[object, ...], int] = Remembered(3)

    for number in range(5):
        table.keep((number,), number)

    assert table == {(3,): 3, (4,): 4}


def test_a_text_of_any_length_is_written_the_same_way_twice():
    raw = b"x" * 5_000
    before = len(metering._texts)

    assert metering.json_text(raw, 10) == metering.json_text(raw, 10) == b'"xxxxxxxxxx"'
    assert len(metering._texts) == before
