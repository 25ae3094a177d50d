"""Scopes with wildcards and expressions of scopes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apikeys.restrictions import (
    Scopes,
    ScopeSyntaxError,
    normalize_scope,
    parse_expression,
)


@pytest.mark.parametrize(
    ("granted", "asked", "is_covered"),
    [
        ("orders:read", "orders:read", True),
        ("orders:read", "orders:write", False),
        ("orders:read", "orders:read:7", False),
        ("orders:*", "orders:read", True),
        ("orders:*", "orders:read:7", True),
        ("orders:*", "orders", False),
        ("*", "orders:read", True),
        ("*:read", "orders:read", True),
        ("*:read", "orders:write", False),
        ("*:read", "orders:items:read", False),
        ("orders.*.read", "orders.7.read", True),
        ("orders.*.read", "orders.7.write", False),
        ("orders:read", "orders:*", False),
        ("orders:*", "orders:*", True),
        ("orders:rea", "orders:read", False),
        ("Orders:read", "orders:read", False),
    ],
)
def test_wildcards(granted, asked, is_covered):
    assert Scopes([granted]).has(asked) is is_covered


def test_no_scopes_cover_nothing():
    assert not Scopes([]).has("orders:read")


@pytest.mark.parametrize(
    "text", ["", " ", "a b", "a::b", ":a", "a:", "a*", "AND", "or", "a,b", "é", "a:**"]
)
def test_what_is_no_scope_is_refused(text):
    with pytest.raises(ScopeSyntaxError):
        normalize_scope(text)


def test_scopes_are_trimmed():
    assert normalize_scope(" orders:read ") == "orders:read"


@pytest.mark.parametrize(
    ("expression", "granted", "is_met"),
    [
        ("a", ["a"], True),
        ("a AND b", ["a"], False),
        ("a AND b", ["a", "b"], True),
        ("a OR b", ["b"], True),
        ("a AND (b OR c)", ["a", "c"], True),
        ("a AND (b OR c)", ["b", "c"], False),
        ("a OR b AND c", ["a"], True),
        ("a OR b AND c", ["b"], False),
        ("(a OR b) AND c", ["a"], False),
        ("a and (b or c)", ["a", "b"], True),
        ("((a))", ["a"], True),
        ("orders:read AND orders:write", ["orders:*"], True),
    ],
)
def test_expressions(expression, granted, is_met):
    assert parse_expression(expression).is_met_by(Scopes(granted)) is is_met


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "A scope is missing at character 1"),
        ("a AND", "A scope is missing at character 6"),
        ("AND a", "A scope is missing at character 1"),
        ("a b", "AND or OR is missing before 'b' at character 3"),
        ("(a", "A closing parenthesis is missing at character 3"),
        ("a)", "AND or OR is missing before ')' at character 2"),
        ("()", "A scope is missing at character 2"),
        ("a AND é", "'é' is not a scope at character 7"),
        ("(" * 17 + "a" + ")" * 17, "More than 16 levels of parentheses at character 18"),
        ("a" * 1001, "The expression is longer than 1000 characters at character 1"),
    ],
)
def test_errors_name_the_place(expression, message):
    with pytest.raises(ScopeSyntaxError) as caught:
        parse_expression(expression)

    assert str(caught.value) == message


def test_sixteen_levels_are_enough():
    assert parse_expression("(" * 16 + "a" + ")" * 16).is_met_by(Scopes(["a"]))


def test_resource_narrows_a_scope():
    expression = parse_expression("documents:read")

    assert expression.is_met_by(Scopes(["documents:read:7"]), "7")
    assert expression.is_met_by(Scopes(["documents:read"]), "7")
    assert not expression.is_met_by(Scopes(["documents:read:7"]), "8")
    assert not expression.is_met_by(Scopes(["documents:read:7"]))


@given(st.text(alphabet="ab()ANDOR :*", max_size=60))
def test_no_expression_breaks_the_reader(text):
    try:
        parse_expression(text).is_met_by(Scopes(["a"]))
    except ScopeSyntaxError as error:
        assert 0 <= error.position <= len(text)


ATOMS = st.sampled_from(["a", "b", "c"])


@given(
    st.recursive(
        ATOMS,
        lambda inner: st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(
            lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"
        ),
        max_leaves=8,
    ),
    st.sets(ATOMS),
)
def test_expressions_mean_what_python_means(expression, granted):
    expected = eval(expression, {}, {name: name in granted for name in "abc"})  # noqa: S307

    assert parse_expression(expression).is_met_by(Scopes(granted)) is expected
