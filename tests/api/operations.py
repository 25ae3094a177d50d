"""Every operation of the product, read from its own OpenAPI document."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from config.common.shared_descriptions import resolved

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


@cache
def described(name: str) -> dict[str, Any]:
    """Return what the document says of an operation, with its shared parameters, responses and examples in place."""
    operation = operations()[name]
    told = dict(document()["paths"][operation.path][operation.method])
    told["parameters"] = [at(parameter) for parameter in told.get("parameters", ())]
    told["responses"] = {status: _in_full(one) for status, one in told["responses"].items()}
    return told


def at(found: dict[str, Any]) -> dict[str, Any]:
    """Follow a reference within the document, if it is one."""
    return resolved(document(), found)


def _in_full(response: dict[str, Any]) -> dict[str, Any]:
    response = at(response)
    content = {kind: _shown(media) for kind, media in response.get("content", {}).items()}
    return {**response, "content": content} if content else response


def _shown(media: dict[str, Any]) -> dict[str, Any]:
    examples = {name: at(example) for name, example in media.get("examples", {}).items()}
    return {**media, "examples": examples} if examples else media


def _operation(method: str, path: str, described: dict[str, Any]) -> Operation:
    parameters = [at(parameter) for parameter in described.get("parameters", ())]
    names = tuple(one["name"] for one in parameters if one["in"] == "query")
    schemas = {one["name"]: one["schema"] for one in parameters}
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
