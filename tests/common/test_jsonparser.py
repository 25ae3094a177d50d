"""The strict reader takes JSON and nothing else; the writer knows what views hand it."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils.translation import gettext_lazy
from hypothesis import given
from hypothesis import strategies as st

from config.common.errors import MalformedRequest
from config.common.jsonparser import MAX_DEPTH, MAX_NODES, OrjsonRenderer, loads

DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=5)
        | st.dictionaries(st.text("abc", max_size=3), children, max_size=5)
    ),
    max_leaves=30,
)


@given(DOCUMENTS)
def test_reads_what_it_writes(document):
    assert loads(OrjsonRenderer().render([document])) == [document]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"{'a': 1}",
        b"[NaN]",
        b"[Infinity]",
        b'["\\ud800"]',
        b'["\xff"]',
        b"[1,]",
        b"[1] 2",
        b"\xef\xbb\xbf[1]",
        b"[" * 100_000,
        b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
        b"[" + b"1," * 30_000 + b"1]",
        b"[1e19]",
        b"[-1e300]",
    ],
    ids=[
        "open",
        "quotes",
        "nan",
        "infinity",
        "surrogate",
        "bytes",
        "comma",
        "tail",
        "bom",
        "deep",
        "deeper",
        "wide",
        "large",
        "low",
    ],
)
def test_refuses_what_is_not_harmless_json(raw):
    with pytest.raises(MalformedRequest):
        loads(raw)


@pytest.mark.parametrize(
    ("raw", "pointer"), [(b'{"a": ["x", "\\u0000"]}', "#/a/1"), (b'{"\\u0000": 1}', "#")]
)
def test_points_to_a_nul_character(raw, pointer):
    with pytest.raises(MalformedRequest) as refusal:
        loads(raw)

    assert [(error.pointer, error.code) for error in refusal.value.errors] == [
        (pointer, "nul_character")
    ]


def test_takes_the_deepest_allowed_document():
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_takes_the_longest_allowed_document():
    longest = b"[" + b"1," * (MAX_NODES - 2) + b"1]"

    assert len(loads(longest)) == MAX_NODES - 1
    with pytest.raises(MalformedRequest):
        loads(longest[:-1] + b",1]")


def test_writes_decimals_lazy_texts_and_times():
    document = {
        "d": Decimal("1.50"),
        "t": gettext_lazy("text"),
        "at": datetime(2026, 1, 2, tzinfo=UTC),
    }

    assert (
        OrjsonRenderer().render(document) == b'{"d":"1.50","t":"text","at":"2026-01-02T00:00:00Z"}'
    )


def test_writes_nothing_for_no_content():
    assert OrjsonRenderer().render(None) == b""
