"""How an operation says in the OpenAPI document with which problems it answers beyond the common ones."""

from drf_spectacular.utils import OpenApiResponse

from config.common import problems

Answers = dict[tuple[int, str], OpenApiResponse]
_SHAPE = {"$ref": "#/components/schemas/Problem"}


def refusal(status: int, description: str) -> Answers:
    """Return a problem answer with its description, to be unpacked among an operation's answers."""
    return {(status, problems.CONTENT_TYPE): OpenApiResponse(_SHAPE, description)}


def conflict(description: str) -> Answers:
    """Return a 409 as `refusal` does."""
    return refusal(409, description)
