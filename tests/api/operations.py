"""Every operation of the product, read from its own OpenAPI document."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

_METHODS = {"get", "post", "put", "patch", "delete"}


@dataclass(frozen=True)
class Operation:
    """One method on one path."""

    id: str
    method: str
    path: str
    parameters: tuple[str, ...]
    is_listing: bool
    is_upload: bool
    # What `expand` and `ordering` may name.
    expandable: tuple[str, ...]
    orderings: tuple[str, ...]

    @property
    def has_id(self) -> bool:
        """Whether the path names a row."""
        return "{" in self.path


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document."""
    generator = SchemaGenerator(api_version="v1")
    schema: dict[str, Any] = generator.get_schema(request=None, public=True)
    return schema


@cache
def operations() -> dict[str, Operation]:
    """Return the operations by their ids."""
    found = [
        _operation(method, path, described)
        for path, methods in document()["paths"].items()
        for method, described in methods.items()
        if method in _METHODS
    ]
    return {operation.id: operation for operation in found}


def _operation(method: str, path: str, described: dict[str, Any]) -> Operation:
    names = tuple(
        parameter["name"]
        for parameter in described.get("parameters", ())
        if parameter["in"] == "query"
    )
    schemas = {one["name"]: one["schema"] for one in described.get("parameters", ())}
    return Operation(
        id=described["operationId"],
        method=method,
        path=path,
        parameters=names,
        is_listing={"cursor", "limit"} <= set(names),
        expandable=tuple(schemas.get("expand", {}).get("items", {}).get("enum", ())),
        orderings=tuple(schemas.get("ordering", {}).get("enum", ())),
        is_upload="multipart/form-data" in described.get("requestBody", {}).get("content", {}),
    )
