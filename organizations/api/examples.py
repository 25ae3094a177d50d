"""Bodies that the API's documentation shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse

_ORGANIZATION: dict[str, Any] = {
    "id": 12,
    "name": "Acme",
    "slug": "acme-1f6c02ab",
    "status": "ACTIVE",
    "role": "OWNER",
    "is_personal": False,
    "seat_limit": 10,
    "overrides": {"rate": None, "quota_limit": None},
    "billing": {
        "name": "Acme SAS",
        "email": "bills@acme.example",
        "address": {
            "line1": "1 rue du Port",
            "postal_code": "44000",
            "city": "Nantes",
            "country": "FR",
        },
        "tax_id": "FR40303265045",
        "currency": "USD",
    },
    "metadata": {"crm": "A-1007"},
    "created_at": "2026-01-05T09:10:00Z",
    "updated_at": "2026-02-01T08:00:00Z",
}
_MEMBER: dict[str, Any] = {
    "user": {"id": 8, "email": "mia@example.com", "full_name": "Mia Member"},
    "role": "MEMBER",
    "joined_at": "2026-01-07T15:20:00Z",
}


def conflict(description: str) -> dict[tuple[int, str], OpenApiResponse]:
    """Return the description of a 409 that an operation has beyond the common problems."""
    shape = {"$ref": "#/components/schemas/Problem"}
    return {(409, "application/problem+json"): OpenApiResponse(shape, description)}


ORGANIZATION = OpenApiExample("An organization", value=_ORGANIZATION, response_only=True)
NEW_ORGANIZATION = OpenApiExample("Acme", value={"name": "Acme"}, request_only=True)
CREATED_ORGANIZATION = OpenApiExample(
    "An organization", value=_ORGANIZATION, response_only=True, status_codes=["201"]
)
CHANGES = OpenApiExample(
    "Rename, and change where bills go",
    value={"name": "Acme", "billing": {"email": "bills@acme.example"}},
    request_only=True,
)
MEMBER = OpenApiExample("A member", value=_MEMBER, response_only=True, status_codes=["200"])
ROLE = OpenApiExample(
    "Let the member run the organization", value={"role": "ADMIN"}, request_only=True
)
HEIR = OpenApiExample("Hand over to Mia", value={"user_id": 8}, request_only=True)
NEW_OWNER = OpenApiExample(
    "The new owner",
    value={**_MEMBER, "role": "OWNER"},
    response_only=True,
    status_codes=["200"],
)
