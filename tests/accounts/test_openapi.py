"""What OpenAPI says of the accounts' operations."""

import json

from django.urls import include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from accounts.api.urls import auth_urlpatterns, users_urlpatterns

PUBLIC = {
    "auth_register",
    "auth_verify_email",
    "auth_resend_verification",
    "auth_login",
    "auth_refresh",
    "auth_logout",
}
PERSONAL = {"users_me", "users_me_update", "users_me_sessions", "users_me_session_end"}


def _operations():
    patterns = [
        path("api/v1/auth/", include(auth_urlpatterns)),
        path("api/v1/users/", include(users_urlpatterns)),
    ]
    schema = SchemaGenerator(patterns=patterns).get_schema(request=None, public=True)
    return {
        operation["operationId"]: operation
        for route, methods in schema["paths"].items()
        if route.startswith(("/api/v1/auth/", "/api/v1/users/"))
        for operation in methods.values()
    }


def test_every_operation_is_named_and_explained():
    GENERATOR_STATS.reset()

    operations = _operations()

    assert set(operations) == PUBLIC | PERSONAL
    assert all(
        operation["summary"] and operation["description"] for operation in operations.values()
    )
    assert not GENERATOR_STATS


def test_every_body_has_an_example():
    without = {
        name
        for name, operation in _operations().items()
        if '"examples"' not in json.dumps(operation)
    }

    assert without == {"users_me_session_end"}


def test_only_the_doors_are_public():
    operations = _operations()

    assert {
        name for name, operation in operations.items() if operation["security"] == [{}]
    } == PUBLIC
    for name in PERSONAL:
        assert operations[name]["security"] == [{"accessToken": []}, {"portalSession": []}]
        assert {"401", "404"} <= set(operations[name]["responses"])


def test_problems_are_declared_where_they_occur():
    operations = _operations()

    assert "401" in operations["auth_login"]["responses"]
    assert "401" in operations["auth_refresh"]["responses"]
    assert "401" not in operations["auth_register"]["responses"]
    problem = operations["auth_login"]["responses"]["401"]["content"]
    assert problem == {
        "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
    }
