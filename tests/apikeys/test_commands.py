"""The key commands."""

import pytest
from django.core.management import CommandError, call_command

from apikeys import secrets
from apikeys.models import Api, ApiKey, ServiceKey
from audit.models import AuditLog
from tests.factories.apikeys import ApiKeyFactory, ServiceKeyFactory

pytestmark = pytest.mark.django_db


def test_create_key_prints_only_the_secret(organization, capsys, works):
    call_command(
        "create_key",
        "--organization",
        str(organization.pk),
        "--name",
        "Checkout",
        "--scope",
        "orders:read",
    )

    out, err = capsys.readouterr()
    assert works(out.strip())
    assert secrets.parse(out.strip()) is not None
    key = ApiKey.objects.get()
    assert (key.name, key.scopes, key.environment, key.created_by) == (
        "Checkout",
        ["orders:read"],
        "live",
        None,
    )
    assert f"Key {key.pk} of {organization.name} is created." in err


def test_create_key_finds_an_organization_by_its_slug(organization, capsys):
    call_command(
        "create_key",
        "--organization",
        organization.slug,
        "--name",
        "K",
        "--environment",
        "test",
        "--expires-in-days",
        "1",
    )

    key = ApiKey.objects.get()
    assert (key.organization, key.environment) == (organization, "test")
    assert key.expires_at is not None


def test_create_key_says_what_is_wrong(organization):
    with pytest.raises(CommandError, match="There is no organization with the id or slug nobody"):
        call_command("create_key", "--organization", "nobody", "--name", "K")
    with pytest.raises(CommandError, match="#/scopes/0: This is not a scope"):
        call_command(
            "create_key", "--organization", str(organization.pk), "--name", "K", "--scope", "a b"
        )

    assert not ApiKey.objects.exists()


def test_create_key_holds_to_the_plan(organization):
    ApiKeyFactory.create_batch(10, organization=organization)

    with pytest.raises(CommandError, match="The plan's limit of keys, 10, is reached"):
        call_command("create_key", "--organization", str(organization.pk), "--name", "K")

    assert ApiKey.objects.count() == 10


@pytest.mark.parametrize("name_of", [lambda key: key.prefix, lambda key: str(key.pk)])
def test_revoke_key_takes_a_prefix_or_an_id(key, capsys, name_of):
    call_command("revoke_key", name_of(key))

    key.refresh_from_db()
    assert key.status == "revoked"
    assert capsys.readouterr().out == f"Key {key.pk}, {key}, of {key.organization} is revoked.\n"
    entry = AuditLog.objects.get(event="api_key.revoked")
    assert (entry.actor_type, entry.actor_label) == ("command", "revoke_key")


def test_revoke_key_never_guesses(organization):
    first, second = ApiKeyFactory.create_batch(2, organization=organization)
    ApiKey.objects.filter(pk=second.pk).update(prefix=first.prefix)

    with pytest.raises(
        CommandError,
        match=f"Several keys have this prefix; name one by its id: {first.pk}, {second.pk}",
    ):
        call_command("revoke_key", first.prefix)
    with pytest.raises(CommandError, match="There is no key tg_live_none"):
        call_command("revoke_key", "tg_live_none")

    assert ApiKey.objects.unrevoked().count() == 2


def test_create_service_key_prints_only_the_secret(capsys, works):
    call_command(
        "create_service_key",
        "gateway",
        "--scope",
        "keys:verify",
        "--scope",
        "usage:settle",
        "--address",
        "10.0.0.0/8",
    )

    out, err = capsys.readouterr()
    assert works(out.strip())
    parsed = secrets.parse(out.strip())
    assert parsed is not None
    assert parsed.is_service_key
    key = ServiceKey.objects.get()
    assert (key.scopes, key.ip_allowlist) == (["keys:verify", "usage:settle"], ["10.0.0.0/8"])
    assert "Service key gateway is created." in err


@pytest.mark.parametrize(
    ("overlap", "old_works"), [((), True), (("--overlap-seconds", "0"), False)]
)
def test_rotate_service_key_prints_only_the_new_secret(capsys, works, overlap, old_works):
    call_command("create_service_key", "gateway", "--scope", "keys:verify")
    old = capsys.readouterr().out.strip()

    call_command("rotate_service_key", "gateway", *overlap)

    out, err = capsys.readouterr()
    assert out.strip() != old
    assert (works(out.strip()), works(old)) == (True, old_works)
    assert "Service key gateway is rotated." in err
    entry = AuditLog.objects.get(event="service_key.rotated")
    assert (entry.actor_type, entry.actor_label) == ("command", "rotate_service_key")


def test_rotate_service_key_says_what_is_wrong():
    key = ServiceKeyFactory.create(name="gateway")

    with pytest.raises(CommandError, match="There is no service key called none"):
        call_command("rotate_service_key", "none")
    with pytest.raises(CommandError, match="overlap"):
        call_command("rotate_service_key", "gateway", "--overlap-seconds", "2592001")

    assert ServiceKey.objects.get() == key
    assert ServiceKey.objects.get().last4 == key.last4


def test_revoke_service_key(capsys):
    ServiceKeyFactory.create(name="gateway")

    call_command("revoke_service_key", "gateway")

    assert ServiceKey.objects.get().revoked_at is not None
    with pytest.raises(CommandError, match="There is no service key called none"):
        call_command("revoke_service_key", "none")


def test_create_api(capsys):
    call_command(
        "create_api",
        "Order service",
        "--base-path",
        "/orders",
        "--host",
        "api.example.com",
        "--mode",
        "leased",
        "--default-cost",
        "3",
        "--default-meter",
        "orders",
        "--upstream-note",
        "10.0.0.6:9000",
    )

    api = Api.objects.get()
    assert (api.slug, api.base_path, api.hosts, api.mode) == (
        "order-service",
        "/orders",
        ["api.example.com"],
        "leased",
    )
    assert (api.default_cost, api.default_meter, api.upstream_note) == (
        3,
        "orders",
        "10.0.0.6:9000",
    )
    assert capsys.readouterr().out == f"API order-service is described, with id {api.pk}.\n"
