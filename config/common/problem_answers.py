"""How an operation says in the OpenAPI document with which problems it answers beyond the common ones."""

from drf_spectacular.utils import OpenApiResponse

from config.common import problems

_SHAPE = {"$ref": "#/components/schemas/Problem"}


def problem(description: str) -> OpenApiResponse:
    """Return the description of a problem answer."""
    return OpenApiResponse(_SHAPE, description)


def conflict(description: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Return a 409 with its description, to be unpacked among an operation's answers."""
    return {(409, problems.CONTENT_TYPE): problem(description)}
