"""What OpenAPI says of the accounts' operations, beyond what holds for every one."""

from tests.api.operations import described, operations

PEOPLE: list[dict[str, list[str]]] = [{"accessToken": []}, {"portalSession": []}]


def test_no_api_key_asks_about_a_person():
    asked = {
        name: described(name)["security"]
        for name in operations()
        if name.startswith(("auth_", "users_me"))
    }

    # For somebody signed in, or with the token of a sign-in that waits.
    assert asked.pop("auth_two_factor_verify") == [*PEOPLE, {}]
    assert {name for name, security in asked.items() if security not in ([{}], PEOPLE)} == set()


def test_only_what_looks_at_credentials_refuses_them():
    login, refresh, register = (
        described(name)["responses"] for name in ("auth_login", "auth_refresh", "auth_register")
    )

    examples = login["401"]["content"]["application/problem+json"]["examples"]
    assert list(examples) == ["invalid_credentials"]
    assert "401" in refresh
    assert "401" not in register
