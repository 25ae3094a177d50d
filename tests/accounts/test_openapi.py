"""What OpenAPI says of the accounts' operations."""

import json

from django.urls import include, path
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from accounts.api.urls import auth_urlpatterns, users_urlpatterns

PUBLIC = {
    "auth_email_change_cancel",
    "auth_email_change_confirm",
    "auth_login",
    "auth_logout",
    "auth_passkeys_second_factor",
    "auth_passkeys_second_factor_options",
    "auth_passkeys_sign_in",
    "auth_passkeys_sign_in_options",
    "auth_password_reset_confirm",
    "auth_password_reset_request",
    "auth_refresh",
    "auth_register",
    "auth_resend_verification",
    "auth_verify_email",
}
PERSONAL = {
    "auth_two_factor_disable",
    "auth_two_factor_enable",
    "auth_two_factor_recovery_codes",
    "auth_two_factor_status",
    "auth_logout_all",
    "auth_passkeys_add",
    "auth_passkeys_list",
    "auth_passkeys_options",
    "auth_passkeys_remove",
    "auth_passkeys_rename",
    "auth_reauthenticate",
    "auth_reauthenticate_options",
    "users_me",
    "users_me_avatar_remove",
    "users_me_avatar_set",
    "users_me_deletion_cancel",
    "users_me_deletion_request",
    "users_me_device_remove",
    "users_me_devices",
    "users_me_email_cancel",
    "users_me_email_change",
    "users_me_email_read",
    "users_me_exports_create",
    "users_me_exports_download",
    "users_me_exports_list",
    "users_me_exports_retrieve",
    "users_me_notices_list",
    "users_me_notices_read",
    "users_me_notices_read_all",
    "users_me_notices_unread",
    "users_me_password",
    "users_me_session_end",
    "users_me_sessions",
    "users_me_sessions_end",
    "users_me_update",
}
WITHOUT_BODIES = {
    "auth_logout_all",
    "auth_passkeys_remove",
    "users_me_avatar_remove",
    "users_me_deletion_cancel",
    "users_me_device_remove",
    "users_me_email_cancel",
    "users_me_exports_download",
    "users_me_session_end",
    "users_me_sessions_end",
}
# For somebody signed in, or with the token of a sign-in that waits.
EITHER = {"auth_two_factor_verify"}


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

    assert set(operations) == PUBLIC | PERSONAL | EITHER
    assert all(
        operation["summary"] and operation["description"] for operation in operations.values()
    )
    assert not GENERATOR_STATS


def test_every_body_has_an_example():
    without = {
        name
        for name, operation in _operations().items()
        if '"examples"' not in json.dumps(_bodies(operation))
    }

    assert without == WITHOUT_BODIES


def _bodies(operation):
    """Return what is sent and what is answered when all goes well."""
    fine = [one for status, one in operation["responses"].items() if status < "300"]
    return [operation.get("requestBody"), *fine]


def test_only_the_doors_are_public():
    operations = _operations()

    assert {
        name for name, operation in operations.items() if operation["security"] == [{}]
    } == PUBLIC
    for name in PERSONAL:
        assert operations[name]["security"] == [{"accessToken": []}, {"portalSession": []}]
        assert {"401", "404"} <= set(operations[name]["responses"])
    for name in EITHER:
        assert operations[name]["security"] == [{"accessToken": []}, {"portalSession": []}, {}]


def test_problems_are_declared_where_they_occur():
    operations = _operations()

    assert "401" in operations["auth_login"]["responses"]
    assert "401" in operations["auth_refresh"]["responses"]
    assert "401" not in operations["auth_register"]["responses"]
    (problem,) = operations["auth_login"]["responses"]["401"]["content"].items()
    assert problem[0] == "application/problem+json"
    assert problem[1]["schema"] == {"$ref": "#/components/schemas/Problem"}
    assert list(problem[1]["examples"]) == ["invalid_credentials"]
