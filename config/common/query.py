"""Query parameters, read as strictly as bodies: unknown, repeated and malformed ones are refused with a pointer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.request import Request

from config.common import problems
from config.common.errors import FieldError, InvalidInput
from config.common.fields import StrictSerializer


class NoParameters(StrictSerializer):
    """The shape of a query that has no parameters."""


def read(
    request: Request,
    shape: type[StrictSerializer] = NoParameters,
    *,
    also: frozenset[str] = frozenset(),
) -> dict[str, Any]:
    """Return the parameters that the shape describes; those in `also` are left to another reader.

    Raises InvalidInput whose pointers are in the query.
    """
    given = list(request.query_params.lists())
    repeated = [_repeated(str(name)) for name, values in given if len(values) > 1]
    if repeated:
        raise InvalidInput(errors=repeated)
    texts = {name: values[0] for name, values in given if name not in also}
    if not texts and _may_be_empty(shape):
        return {}
    serializer = shape(data=texts, context={"is_text": True})
    with in_query():
        serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


@contextmanager
def in_query() -> Iterator[None]:
    """Say of what is found wrong meanwhile that it is in the query, not in the body."""
    try:
        yield
    except (serializers.ValidationError, InvalidInput) as refused:
        error = problems.as_domain_error(refused)
        assert error is not None
        faults = [replace(fault, location="query") for fault in error.errors]
        raise InvalidInput(error.detail, errors=faults) from None


@cache
def _may_be_empty(shape: type[StrictSerializer]) -> bool:
    """Whether a query without parameters is known to be good, and to say nothing, without asking the shape each time."""
    is_plain = shape.validate is serializers.Serializer.validate
    fields: list[Any] = list(shape().fields.values())
    return is_plain and not any(field.required or field.default is not empty for field in fields)


def _repeated(name: str) -> FieldError:
    return FieldError(
        pointer=f"#/{name}",
        location="query",
        code="repeated",
        message="This parameter is given more than once.",
        fix="Give it once.",
    )
