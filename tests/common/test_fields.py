"""A JSON value is of the type that the member says, or it is refused with a pointer; query parameters are texts."""

import pytest
from rest_framework import serializers

from config.common.fields import NetworkField, StrictSerializer


class InnerSerializer(StrictSerializer):
    count = serializers.IntegerField()


class OuterSerializer(StrictSerializer):
    text = serializers.CharField(required=False, allow_null=True)
    email = serializers.EmailField(required=False)
    network = NetworkField(required=False)
    count = serializers.IntegerField(required=False)
    share = serializers.FloatField(required=False)
    price = serializers.DecimalField(max_digits=6, decimal_places=2, required=False)
    is_on = serializers.BooleanField(required=False)
    color = serializers.ChoiceField(["red", "1"], required=False)
    at = serializers.DateTimeField(required=False)
    day = serializers.DateField(required=False)
    number = serializers.UUIDField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    labels = serializers.DictField(child=serializers.CharField(), required=False)
    metadata = serializers.JSONField(required=False)
    inner = InnerSerializer(required=False)
    inners = InnerSerializer(many=True, required=False)


def faults(data, **context):
    """Return the places of the errors and their codes."""
    serializer = OuterSerializer(data=data, context=context)
    serializer.is_valid()

    def walk(errors, place):
        if isinstance(errors, dict):
            return [found for name in errors for found in walk(errors[name], f"{place}/{name}")]
        if errors and isinstance(errors[0], dict):
            return [
                found
                for index, item in enumerate(errors)
                for found in walk(item, f"{place}/{index}")
            ]
        return [(place, error.code) for error in errors]

    return walk(serializer.errors, "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", "x"),
        ("text", None),
        ("email", "a@b.test"),
        ("network", "10.0.0.0/8"),
        ("count", 5),
        ("count", 5.0),
        ("count", -5),
        ("share", 1),
        ("share", 0.5),
        ("price", "12.34"),
        ("price", 12),
        ("is_on", True),
        ("is_on", False),
        ("color", "red"),
        ("color", "1"),
        ("at", "2026-03-02T09:00:00Z"),
        ("day", "2026-03-02"),
        ("number", "00000000-0000-0000-0000-000000000001"),
        ("tags", ["a", "b"]),
        ("labels", {"a": "b"}),
        ("metadata", {"a": [1, True, None]}),
        ("inner", {"count": 1}),
        ("inners", [{"count": 1}]),
    ],
)
def test_values_of_the_right_type_are_taken(name, value):
    assert faults({name: value}) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("text", 5),
        ("text", True),
        ("text", ["x"]),
        ("text", {"x": 1}),
        ("email", 5),
        ("network", 167772160),
        ("count", "5"),
        ("count", True),
        ("count", 5.5),
        ("count", [5]),
        ("share", "0.5"),
        ("share", False),
        ("price", True),
        ("price", ["1"]),
        ("is_on", "true"),
        ("is_on", 1),
        ("is_on", 0),
        ("is_on", "on"),
        ("color", 1),
        ("color", True),
        ("color", ["red"]),
        ("at", 1772442000),
        ("day", 20260302),
        ("number", 1),
    ],
)
def test_values_of_another_type_are_refused(name, value):
    assert faults({name: value}) == [(f"/{name}", "type")]


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ({"tags": ["a", 1]}, "/tags/1"),
        ({"labels": {"a": 1}}, "/labels/a"),
        ({"inner": {"count": "1"}}, "/inner/count"),
        ({"inners": [{"count": 1}, {"count": "1"}]}, "/inners/1/count"),
    ],
)
def test_members_of_members_are_looked_at(data, place):
    assert faults(data) == [(place, "type")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ({"tags": "a"}, "not_a_list"),
        ({"labels": ["a"]}, "not_a_dict"),
        ({"inner": 5}, "invalid"),
        ({"inners": 5}, "not_a_list"),
    ],
)
def test_containers_say_themselves_what_they_are(data, code):
    assert [found for _, found in faults(data)] == [code]


def test_query_parameters_are_texts():
    texts = {"count": "5", "is_on": "true", "share": "0.5", "color": "1", "text": "5"}

    assert faults(texts, is_text=True) == []
    assert faults({"count": "five"}, is_text=True) == [("/count", "invalid")]


def test_unknown_members_come_first():
    assert faults({"cuont": 1, "count": "1"}) == [("/cuont", "unknown_member")]
