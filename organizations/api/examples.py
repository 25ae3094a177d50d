"""Bodies that the API's documentation shows."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

from organizations.roles import GRANTS, MEANINGS, Permission

_ORGANIZATION: dict[str, Any] = {
    "id": 12,
    "name": "Acme",
    "slug": "acme-1f6c02ab",
    "status": "ACTIVE",
    "role": "OWNER",
    "custom_role": None,
    "permissions": sorted(permission.value for permission in Permission),
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
    "kept_out": None,
    "created_at": "2026-01-05T09:10:00Z",
    "updated_at": "2026-02-01T08:00:00Z",
}
_MEMBER: dict[str, Any] = {
    "user": {"id": 8, "email": "mia@example.com", "full_name": "Mia Member"},
    "role": "MEMBER",
    "custom_role": None,
    "joined_at": "2026-01-07T15:20:00Z",
}

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
CLOSING = OpenApiExample("Close Acme", value={"name": "Acme"}, request_only=True)

_PERSON = {"id": 8, "email": "mia@example.com", "full_name": "Mia Member"}
_INVITATION: dict[str, Any] = {
    "id": 31,
    "email": "nora@example.com",
    "role": "MEMBER",
    "custom_role": None,
    "status": "PENDING",
    "invited_by": _PERSON,
    "created_at": "2026-02-01T08:00:00Z",
    "expires_at": "2026-02-08T08:00:00Z",
    "closed_at": None,
}
_PLACE: dict[str, Any] = {
    "organization": {"id": 12, "name": "Acme"},
    "role": "MEMBER",
    "custom_role": None,
}
_ROLE: dict[str, Any] = {
    "id": 4,
    "name": "Accountant",
    "description": "Reads and pays bills.",
    "permissions": ["billing:read", "billing:write", "organization:read"],
    "holders": 1,
    "created_at": "2026-02-01T08:00:00Z",
    "updated_at": "2026-02-01T08:00:00Z",
}
_GRANT: dict[str, Any] = {
    "id": 6,
    "user": _PERSON,
    "permission": "keys:write",
    "kind": "api_key",
    "object_id": 77,
    "created_at": "2026-02-01T08:00:00Z",
}
_POLICY: dict[str, Any] = {
    "requires_two_factor": True,
    "max_key_age_days": 90,
    "allowed_scopes": ["orders:*"],
    "console_networks": ["203.0.113.0/24"],
}


def _answer(name: str, value: Any, status: str = "200") -> OpenApiExample:
    return OpenApiExample(name, value=value, response_only=True, status_codes=[status])


INVITATION = _answer("An invitation", _INVITATION)
INVITED = _answer("The invitation", {**_INVITATION, "invited_by": _PERSON}, "201")
INVITE = OpenApiExample(
    "Invite Nora", value={"email": "nora@example.com", "role": "MEMBER"}, request_only=True
)
MY_INVITATION = _answer(
    "An invitation",
    {
        "id": 31,
        **_PLACE,
        "status": "PENDING",
        "created_at": _INVITATION["created_at"],
        "expires_at": _INVITATION["expires_at"],
    },
)
LINK = OpenApiExample(
    "What the link ends with",
    value={"token": "3Qm0cJ8mWZ2nA5b7RkT1xYvU9pLsDfGhJkLzXcVbNmQ"},
    request_only=True,
)
PLACE = _answer("The place", _PLACE)
CATALOGUE = _answer(
    "The catalogue",
    {
        "permissions": [
            {
                "name": permission.value,
                "meaning": MEANINGS[permission],
                "roles": [role.value for role, held in GRANTS.items() if permission in held],
            }
            for permission in (Permission.KEYS_READ, Permission.KEYS_WRITE)
        ]
    },
)
CUSTOM_ROLE = _answer("A custom role", _ROLE)
CREATED_ROLE = _answer("The new role", {**_ROLE, "holders": 0}, "201")
NEW_ROLE = OpenApiExample(
    "Who pays bills",
    value={
        "name": "Accountant",
        "description": "Reads and pays bills.",
        "permissions": ["billing:read", "billing:write"],
    },
    request_only=True,
)
ROLE_CHANGES = OpenApiExample(
    "Let them see usage, too",
    value={"permissions": ["billing:read", "billing:write", "usage:read"]},
    request_only=True,
)
GRANT = _answer("A grant", _GRANT)
GIVEN = _answer("The grant", _GRANT, "201")
GIVE = OpenApiExample(
    "Let Mia rotate one key",
    value={"user_id": 8, "permission": "keys:write", "kind": "api_key", "object_id": 77},
    request_only=True,
)
POLICY = _answer("A policy", _POLICY)
POLICY_CHANGES = OpenApiExample(
    "Require a second factor", value={"requires_two_factor": True}, request_only=True
)
