"""Type patterns, filters, ordering keys: exhaustively, without a database."""

import pytest

from webhooks import matching

PAYLOAD = {
    "type": "invoice.paid",
    "data": {"amount": 1200, "plan": "PRO", "is_first": True, "tags": ["a", "b"], "counts": [1], "after": {"name": "Acme"}, "note": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [(["*"], True), (["invoice.paid"], True), (["invoice.*"], True), (["invoice.voided", "invoice.paid"], True),
     (["invoices.*"], False), (["inv.*"], False), (["invoice"], False), (["credits.*"], False), ([], False)],
)  # fmt: skip
def test_patterns_mean_a_type_an_area_or_everything(patterns, wanted):
    assert matching.wants_type(patterns, "invoice.paid") is wanted


@pytest.mark.parametrize(
    ("path", "operator", "value", "passes"),
    [
        ("type", "equals", "invoice.paid", True), ("data.plan", "equals", "PRO", True),
        ("data.plan", "equals", "FREE", False), ("data.missing", "equals", None, False),
        ("data.note", "equals", None, True), ("data.amount", "equals", 1200, True), ("data.amount", "equals", True, False),
        ("data.is_first", "equals", True, True), ("data.is_first", "equals", 1, False),
        ("data.plan", "differs", "FREE", True), ("data.missing", "differs", "x", True),
        ("data.plan", "in", ["FREE", "PRO"], True), ("data.plan", "in", [], False), ("data.is_first", "in", [1], False),
        ("data.tags", "contains", "a", True), ("data.tags", "contains", "z", False), ("data.counts", "contains", 1, True), ("data.counts", "contains", True, False),
        ("data.after.name", "contains", "cm", True), ("data.amount", "contains", "1", False),
        ("data.amount", "above", 1199, True), ("data.amount", "above", 1200, False),
        ("data.amount", "at_least", 1200, True), ("data.amount", "below", 1200, False),
        ("data.amount", "at_most", 1200.0, True), ("data.plan", "above", "FREE", True),
        ("data.plan", "above", 1, False), ("data.is_first", "above", 0, False), ("data.missing", "below", 5, False),
        ("data.plan", "exists", None, True), ("data.plan", "exists", False, False),
        ("data.missing", "exists", False, True), ("data.note", "exists", True, True),
        ("data.plan.deeper", "exists", True, False), ("data.tags.0", "exists", True, False),
    ],
)  # fmt: skip
def test_filters_ask_what_lies_at_a_path(path, operator, value, passes):
    condition = {"path": path, "operator": operator, "value": value}

    assert matching.passes([condition], PAYLOAD) is passes


def test_all_filters_must_be_satisfied_and_the_first_that_is_not_is_named():
    good = {"path": "data.plan", "operator": "equals", "value": "PRO"}
    bad = {"path": "data.amount", "operator": "above", "value": 5_000}

    assert matching.failed_filter([good, bad, bad], PAYLOAD) == 1
    assert matching.failed_filter([], PAYLOAD) is None


@pytest.mark.parametrize(
    ("path", "key"),
    [("", ""), ("data.plan", "PRO"), ("data.amount", "1200"), ("data.is_first", "True"), ("data.after", ""),
     ("data.tags", ""), ("data.note", ""), ("data.missing", ""), ("type", "invoice.paid")],
)  # fmt: skip
def test_ordering_keys_are_texts_of_scalars(path, key):
    assert matching.ordering_key(path, PAYLOAD) == key


@pytest.mark.parametrize(
    "path",
    ["data", "data.", "metadata.x", "data..x", "data.x y", "type.x", ".data", "data." + "x" * 65],
)
def test_odd_paths_are_none(path):
    assert not matching.PATH.fullmatch(path)
