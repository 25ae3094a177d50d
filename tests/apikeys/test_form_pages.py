"""The pages on which keys are created, edited, rotated and revoked."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey, Secret
from apikeys.services import keys
from tests.factories.apikeys import ApiFactory, ApiKeyFactory

pytestmark = pytest.mark.django_db

LIST = "/keys/"
CREATE = "/keys/create/"


def page(name, key):
    """Return the path of one of a key's pages."""
    return reverse(f"apikeys:key-{name}", args=[key.pk])


def test_creating_shows_the_secret_in_that_answer_only(portal_as, mia, organization, works):
    browser = portal_as(mia)

    answer = browser.post(
        CREATE, {"name": "Checkout", "environment": "test", "scopes": "orders:read, orders:write"}
    )

    secret = answer.context["secret"]
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    assert works(secret)
    assert secret in answer.content.decode()
    key = ApiKey.objects.get()
    assert (key.created_by, key.environment, key.scopes) == (
        mia,
        "test",
        ["orders:read", "orders:write"],
    )
    assert secret not in str(dict(browser.session))
    for path in (LIST, page("detail", key), page("edit", key)):
        assert secret not in browser.get(path).content.decode()


def test_the_snippets_call_the_first_api_with_the_new_key(portal_as, olivia, settings):
    settings.PUBLIC_URL = "https://api.example.com"
    ApiFactory.create(base_path="/orders")

    answer = portal_as(olivia).post(CREATE, {"name": "Checkout", "environment": "live"})

    secret, snippets = answer.context["secret"], answer.context["snippets"]
    assert [(snippet["language"], snippet["label"]) for snippet in snippets] == [
        ("curl", "curl"),
        ("python", "Python"),
        ("javascript", "JavaScript"),
    ]
    assert snippets[0]["code"] == (
        f"curl -i https://api.example.com/orders \\\n  -H 'Authorization: Bearer {secret}'"
    )
    assert all(secret in snippet["code"] for snippet in snippets)
    compile(snippets[1]["code"], "snippet", "exec")


def test_the_form_keeps_every_setting(portal_as, olivia, clock):
    answer = portal_as(olivia).post(
        CREATE,
        {
            "name": "Checkout",
            "environment": "live",
            "description": "For the shop",
            "scopes": "orders:*\r\norders:*",
            "expires_at": "2026-04-01T12:30",
            "rate_limit": "20",
            "rate_per_seconds": "",
            "rate_burst": "40",
            "quota_limit": "1000",
            "quota_period": "",
            "credits": "2.5",
            "credits_refill": "monthly",
            "ip_allowlist": "203.0.113.7\n2001:db8::/32",
            "allowed_origins": "https://app.example.com",
            "external_id": "c-1",
            "metadata": '{"team": "payments"}',
        },
    )

    assert answer.status_code == 200
    key = ApiKey.objects.get()
    assert (key.scopes, key.description, key.external_id) == (["orders:*"], "For the shop", "c-1")
    assert key.expires_at == datetime(2026, 4, 1, 12, 30, tzinfo=UTC)
    assert (key.rate_limit, key.rate_per_seconds, key.rate_burst) == (20, 1, 40)
    assert (key.quota_limit, key.quota_period) == (1000, "month")
    assert (key.credits_micro, key.credits_refill) == (2_500_000, "monthly")
    assert key.ip_allowlist == ["203.0.113.7/32", "2001:db8::/32"]
    assert (key.allowed_origins, key.metadata) == (
        ["https://app.example.com"],
        {"team": "payments"},
    )


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"name": ""}, "name"),
        ({"environment": "prod"}, "environment"),
        ({"scopes": "orders!read"}, "scopes"),
        ({"ip_allowlist": "10.0.0.0/99"}, "ip_allowlist"),
        ({"allowed_origins": "https://a.example.com/x"}, "allowed_origins"),
        ({"rate_limit": "5000"}, "rate_limit"),
        ({"rate_limit": "1", "rate_burst": "90000"}, "rate_burst"),
        ({"rate_burst": "5"}, "rate_limit"),
        ({"rate_limit": "fast"}, "rate_limit"),
        ({"credits": "-1"}, "credits"),
        ({"credits": "0.0000001"}, "credits"),
        ({"credits": "1000000001"}, "credits"),
        ({"credits": "1", "credits_refill": "hourly"}, "credits_refill"),
        ({"metadata": "[]"}, "metadata"),
        ({"metadata": "{"}, "metadata"),
        ({"metadata": '{"a": "\\u0000"}'}, "metadata"),
        ({"metadata": '{"a": "%s"}' % ("x" * 10_240)}, "metadata"),
        ({"expires_at": "2020-01-01T00:00"}, "expires_at"),
        ({"expires_at": "soon"}, "expires_at"),
    ],
)
def test_faults_are_shown_at_their_fields(portal_as, olivia, values, field):
    answer = portal_as(olivia).post(CREATE, {"name": "Checkout", "environment": "live", **values})

    assert answer.status_code == 200
    assert list(answer.context["form"].errors) == [field]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("zone", ["Pacific/Niue", "UTC", "Pacific/Kiritimati"])
def test_no_key_ends_where_the_calendar_does(portal_as, olivia, zone):
    olivia.time_zone = zone
    olivia.save()
    values = {"name": "Checkout", "environment": "live", "expires_at": "9999-12-31T23:59"}

    answer = portal_as(olivia).post(CREATE, values)

    assert list(answer.context["form"].errors) == ["expires_at"]
    assert not ApiKey.objects.exists()


def test_what_concerns_no_field_is_shown_above_the_form(portal_as, olivia, organization):
    ApiKeyFactory.create_batch(10, organization=organization)

    answer = portal_as(olivia).post(CREATE, {"name": "One more", "environment": "live"})

    assert answer.context["form"].non_field_errors() == [
        "The plan's limit of keys, 10, is reached. Revoke a key that is no longer needed, or choose a plan with more keys."
    ]
    assert ApiKey.objects.count() == 10


def test_people_without_a_verified_address_are_told(portal_as, olivia):
    User.objects.filter(pk=olivia.pk).update(email_verified_at=None)

    answer = portal_as(olivia).post(CREATE, {"name": "Checkout", "environment": "live"})

    assert "verified" in answer.context["form"].non_field_errors()[0]
    assert not ApiKey.objects.exists()


def test_a_form_needs_its_token(olivia, organization):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(olivia)

    answer = browser.post(CREATE, {"name": "Checkout", "environment": "live"})

    assert answer.status_code == 403
    assert not ApiKey.objects.exists()


def test_editing_changes_only_what_was_changed(portal_as, olivia, organization):
    key = ApiKeyFactory.create(
        organization=organization, name="Checkout", scopes=["b:1", "a:1"], rate_limit=5, metadata={"a": 1},
        quota_limit=9, quota_period="day", credits_micro=1_500_000, credits_refill="daily", expires_at=timezone.now() + timedelta(days=1, seconds=7),
    )  # fmt: skip
    browser = portal_as(olivia)
    form = browser.get(page("edit", key)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    values = {name: "" if value is None else value for name, value in values.items()}
    rows = ApiKey.objects.filter(pk=key.pk).values_list()
    values["expires_at"] = form["expires_at"].value().strftime("%Y-%m-%dT%H:%M")
    names, before = [field.attname for field in ApiKey._meta.concrete_fields], rows.get()

    unchanged = browser.post(page("edit", key), values)
    assert rows.get() == before
    changed = browser.post(page("edit", key), values | {"name": "Search", "rate_burst": "50"})

    states = zip(names, before, rows.get(), strict=True)
    assert {name for name, old, new in states if old != new} == {
        "name",
        "rate_burst",
        "updated_at",
        "version",
    }
    assert (unchanged.status_code, changed.status_code) == (302, 302)
    assert changed["Location"] == page("detail", key)


def test_editing_gives_credits_and_takes_them_away(portal_as, olivia, key):
    browser = portal_as(olivia)
    values = {"name": "Checkout", "scopes": "orders:read", "enabled": "on"}
    states = []

    for filled_in in (
        {"credits": "10"},
        {"credits": "10", "credits_refill": "daily"},
        {"credits_refill": "daily"},
    ):
        browser.post(page("edit", key), values | filled_in)
        states.append(ApiKey.objects.values_list("credits_micro", "credits_refill").get())

    assert states == [(10_000_000, "none"), (10_000_000, "daily"), (None, "none")]


def test_editing_disables_and_enables(portal_as, olivia, key):
    browser = portal_as(olivia)

    browser.post(page("edit", key), {"name": "Checkout", "scopes": "orders:read"})
    assert ApiKey.objects.get().status == "disabled"
    browser.post(page("edit", key), {"name": "Checkout", "scopes": "orders:read", "enabled": "on"})

    assert ApiKey.objects.get().status == "active"


def test_editing_offers_no_other_environment(portal_as, olivia, key):
    answer = portal_as(olivia).get(page("edit", key))

    assert "environment" not in answer.context["form"].fields


@pytest.mark.parametrize(
    ("overlap", "old_works"), [("0", False), ("3600", True), ("2592000", True)]
)
def test_rotating_shows_the_new_secret_in_that_answer_only(
    portal_as, olivia, key, works, overlap, old_works
):
    browser = portal_as(olivia)

    answer = browser.post(page("rotate", key), {"overlap_seconds": overlap})

    secret = answer.context["secret"]
    assert answer["Cache-Control"] == "no-store"
    assert (works(secret), works(key.secret)) == (True, old_works)
    assert secret not in browser.get(page("detail", key)).content.decode()


def test_rotating_offers_presets_only(portal_as, olivia, key, works):
    browser = portal_as(olivia)

    choices = [
        value
        for value, _ in browser.get(page("rotate", key))
        .context["form"]
        .fields["overlap_seconds"]
        .choices
    ]
    answer = browser.post(page("rotate", key), {"overlap_seconds": "61"})

    assert choices == [0, 3_600, 86_400, 604_800, 2_592_000]
    assert list(answer.context["form"].errors) == ["overlap_seconds"]
    assert Secret.objects.count() == 1


def test_rotating_a_revoked_key_says_why_not(portal_as, olivia, key):
    keys.revoke_key(key=key, at=timezone.now())

    answer = portal_as(olivia).post(page("rotate", key), {"overlap_seconds": "0"})

    assert "revoked" in answer.context["form"].non_field_errors()[0]
    assert Secret.objects.count() == 1


def test_revoking_asks_first(portal_as, olivia, key):
    browser = portal_as(olivia)

    assert browser.get(page("revoke", key)).status_code == 200
    assert ApiKey.objects.get().status == "active"
    answer = browser.post(page("revoke", key))

    assert (answer.status_code, answer["Location"]) == (302, page("detail", key))
    assert ApiKey.objects.get().status == "revoked"
