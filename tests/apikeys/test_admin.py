"""The back office of keys, service keys and APIs."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import PlatformRole, User
from apikeys.models import Api, ApiKey, KeyActivity, KeyUsage, RouteRule, ServiceKey
from apikeys.services import apis, keys
from audit.models import AuditLog
from billing.services import subscriptions
from tests.clients import grow_old
from tests.factories.apikeys import ApiFactory, ApiKeyFactory, ServiceKeyFactory
from tests.office import faults_of

pytestmark = pytest.mark.django_db
SURE = {"confirmed": "yes"}


def page(model, name="changelist", *arguments):
    """Return the path of one of a model's pages."""
    return reverse(f"admin:apikeys_{model}_{name}", args=arguments)


def act(client, model, action, *rows, **more):
    """Choose rows and do something to them."""
    body = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(page(model), body, follow=True)


def said(answer):
    """Return the messages above the page."""
    return [str(message) for message in answer.context["messages"]]


@pytest.fixture
def office(portal_as, sam):
    """Return Sam's browser."""
    return portal_as(sam)


@pytest.fixture
def limited_office(portal_as, sam):
    """Return the browser of staff who may not handle service keys."""
    User.objects.filter(pk=sam.pk).update(role=PlatformRole.ADMIN)
    return portal_as(User.objects.get(pk=sam.pk))


def test_lists_take_as_many_queries_for_twenty_rows_as_for_one(
    office, organization, django_assert_max_num_queries
):
    subscriptions.change_plan(organization=organization, plan_code="BASIC")
    ApiKeyFactory.create(organization=organization)
    with django_assert_max_num_queries(12) as few:
        assert office.get(page("apikey")).status_code == 200
    ApiKeyFactory.create_batch(19, organization=organization)

    with django_assert_max_num_queries(12) as many:
        assert office.get(page("apikey")).status_code == 200

    assert len(many) == len(few)


@pytest.mark.parametrize("model", ["apikey", "servicekey", "api", "keyusage", "keyactivity"])
def test_every_page_renders(office, key, model):
    at = timezone.now()
    rows = {
        "apikey": key,
        "servicekey": ServiceKeyFactory.create(),
        "api": ApiFactory.create(),
        "keyusage": KeyUsage.objects.create(
            api_key=key, organization=key.organization, hour=at, calls=2, units=3
        ),
        "keyactivity": KeyActivity.objects.create(api_key=key, first_used_at=at, last_used_at=at),
    }
    apis.create_rule(api=rows["api"], settings={"path_pattern": "/orders"}, by=None)

    assert office.get(page(model)).status_code == 200
    assert office.get(page(model), {"q": "x"}).status_code == 200
    assert office.get(page(model, "change", rows[model].pk)).status_code == 200


@pytest.mark.parametrize("model", ["apikey", "keyusage", "keyactivity"])
def test_facts_are_not_added_or_deleted(office, key, model):
    assert office.get(page(model, "add")).status_code == 403
    assert office.post(page("apikey", "delete", key.pk), {"post": "yes"}).status_code == 403
    assert ApiKey.objects.count() == 1


def test_finds_keys_by_what_support_has_in_hand(office, organization):
    key = ApiKeyFactory.create(organization=organization, name="Checkout", external_id="c-1")
    ApiKeyFactory.create(organization=organization, name="Search", environment="test")

    for text in (key.prefix, key.last4, "Checkout", "c-1", str(key.pk)):
        found = office.get(page("apikey"), {"q": text}).context["cl"].result_list
        assert [row.pk for row in found] == [key.pk]
    assert len(office.get(page("apikey"), {"q": organization.name}).context["cl"].result_list) == 2


def test_names_fields_as_people_spell_them(office, key):
    text = office.get(page("apikey", "change", key.pk)).content.decode()

    assert "IP allowlist:" in text
    assert "Last four characters:" in text
    assert "Ip allowlist" not in text


def test_what_cannot_be_edited_has_nothing_to_save(office, key):
    service_key, api = ServiceKeyFactory.create(), ApiFactory.create()

    rows = {"apikey": key, "servicekey": service_key, "api": api}
    pages = {
        model: office.get(page(model, "change", row.pk)).content for model, row in rows.items()
    }

    assert {model: b'name="_save"' in text for model, text in pages.items()} == {
        "apikey": False,
        "servicekey": False,
        "api": True,
    }


def test_all_of_a_list_is_offered_where_only_some_of_it_is_shown(office):
    path = reverse("admin:analytics_apiusagelog_changelist")

    assert "Show all" not in office.get(path).content.decode()
    assert "Show all" in office.get(path, {"q": "nix"}).content.decode()


def test_an_empty_list_says_so_and_why(office):
    assert "There are none yet." in office.get(page("servicekey")).content.decode()
    searched = office.get(page("servicekey"), {"q": "nix"}).content.decode()
    assert "None matches." in searched
    assert "There are none yet." not in searched


def test_says_what_a_service_key_may_be_told(office):
    text = office.get(page("servicekey", "add")).content.decode()

    assert "keys:verify lets a backend ask about keys." in text


def test_filters_by_status(office, organization):
    kept, revoked = ApiKeyFactory.create_batch(2, organization=organization)
    keys.revoke_key(key=revoked, at=timezone.now())

    shown = office.get(page("apikey"), {"status": "revoked"}).context["cl"].result_list

    assert [row.pk for row in shown] == [revoked.pk]
    assert kept.status == "active"


def test_shows_neither_secret_nor_digest(office, key):
    digest = bytes(key.secrets.get().digest)

    content = office.get(page("apikey", "change", key.pk)).content.decode()

    assert key.prefix in content
    assert key.secret not in content
    assert key.secret[12:-4] not in content
    assert digest.hex() not in content


def test_a_key_cannot_be_edited_past_the_services(office, key):
    office.post(page("apikey", "change", key.pk), {"name": "Mine", "organization": 1})

    assert ApiKey.objects.get(pk=key.pk).name == "Checkout"


def test_staff_revoke_disable_and_enable(office, sam, organization):
    first, second = ApiKeyFactory.create_batch(2, organization=organization)

    assert said(act(office, "apikey", "disable", first)) == ["Disabled: 1."]
    assert ApiKey.objects.get(pk=first.pk).status == "disabled"
    assert said(act(office, "apikey", "enable", first)) == ["Enabled: 1."]
    assert ApiKey.objects.get(pk=first.pk).status == "active"
    assert said(act(office, "apikey", "revoke", first, second, **SURE)) == ["Revoked: 2."]

    entries = AuditLog.objects.filter(event="api_key.revoked")
    assert [(entry.actor_type, entry.actor_id) for entry in entries] == [("staff", sam.pk)] * 2
    assert {entry.target_id for entry in entries} == {first.pk, second.pk}


def test_a_refused_action_says_why(office, key):
    keys.revoke_key(key=key, at=timezone.now())

    messages = said(act(office, "apikey", "disable", key))

    assert messages == [f"{key}: The key was revoked; that cannot be undone. Create a new key."]


def test_a_new_service_keys_secret_is_shown_once(office, sam, works):
    answer = office.post(
        page("servicekey", "add"),
        {"name": "gateway", "scopes": "keys:verify,usage:settle", "ip_allowlist": "10.0.0.0/8"},
    )

    secret = answer.context["secret"]
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert works(secret)
    assert secret in answer.content.decode()
    key = ServiceKey.objects.get()
    assert (key.name, key.scopes, key.created_by) == (
        "gateway",
        ["keys:verify", "usage:settle"],
        sam,
    )
    for path in (page("servicekey"), page("servicekey", "change", key.pk)):
        assert secret not in office.get(path).content.decode()


def test_a_refused_service_key_says_why(office):
    answer = office.post(page("servicekey", "add"), {"name": "gateway", "scopes": "a b"})

    [(field, faults)] = faults_of(answer).items()
    assert (answer.status_code, field) == (200, "scopes")
    assert faults[0].startswith("This is not a scope.")
    # What was filled in is still there.
    assert answer.context["adminform"].form["name"].value() == "gateway"
    assert answer.context["adminform"].form["scopes"].value() == "a b"
    assert not ServiceKey.objects.exists()


def test_service_keys_are_rotated_one_at_a_time(office, works):
    first, second = ServiceKeyFactory.create_batch(2)

    refused = act(office, "servicekey", "rotate_now", first, second)
    rotated = act(office, "servicekey", "rotate_in_a_day", first)

    assert said(refused) == ["Choose exactly one key to rotate."]
    assert works(rotated.context["secret"])
    assert works(first.secret)
    asked = act(office, "servicekey", "rotate_now", first)
    assert "The old secret stops at once" in asked.content.decode()
    assert works(first.secret)
    assert works(act(office, "servicekey", "rotate_now", first, **SURE).context["secret"])
    assert not works(first.secret)


def test_secrets_of_service_keys_need_a_recent_proof(office, sam, works):
    key = ServiceKeyFactory.create()
    grow_old(sam)

    asked = office.get(page("servicekey", "add"))
    added = office.post(page("servicekey", "add"), {"name": "gateway", "scopes": "keys:verify"})
    rotated = act(office, "servicekey", "rotate_now", key, **SURE)

    assert asked["Location"] == "/confirm/?next=%2Fadmin%2Fapikeys%2Fservicekey%2Fadd%2F"
    assert added["Location"] == asked["Location"]
    assert rotated.redirect_chain[0][0] == "/confirm/?next=%2Fadmin%2Fapikeys%2Fservicekey%2F"
    assert ServiceKey.objects.get() == key
    assert works(key.secret)


def test_service_keys_are_revoked(office):
    key = ServiceKeyFactory.create()

    assert said(act(office, "servicekey", "revoke", key, **SURE)) == ["Revoked: 1."]

    assert ServiceKey.objects.get().revoked_at is not None
    assert "revoked" in said(act(office, "servicekey", "rotate_now", key, **SURE))[0]


def test_only_super_admins_handle_service_keys(limited_office):
    key = ServiceKeyFactory.create()

    assert limited_office.get(page("servicekey")).status_code == 200
    assert limited_office.get(page("servicekey", "add")).status_code == 403
    for more in ({}, SURE):
        act(limited_office, "servicekey", "revoke", key, **more)

    assert ServiceKey.objects.get().revoked_at is None


def rules_form(*rules):
    """Return the inline form of route rules."""
    existing = [rule for rule in rules if "id" in rule]
    form = {"rules-TOTAL_FORMS": len(rules), "rules-INITIAL_FORMS": len(existing)}
    for number, rule in enumerate(rules):
        values = {"cost": 1, "meter": "calls", **rule}
        form |= {f"rules-{number}-{name}": value for name, value in values.items()}
    return form


API_FORM = {
    "name": "Orders",
    "slug": "orders",
    "base_path": "/orders/",
    "hosts": "API.example.com",
    "unknown_route_policy": "allow",
    "default_cost": 1,
    "default_meter": "calls",
    "default_rate_limit": 50,
    "default_counted_statuses": "2xx",
    "mode": "strict",
}


def test_an_api_is_described_with_its_rules(office, sam):
    rule = {
        "methods": "get,post",
        "path_pattern": "/{id}",
        "required_scope": "orders:read",
        "cost": 2,
    }

    answer = office.post(page("api", "add"), API_FORM | rules_form(rule))

    assert answer.status_code == 302
    api = Api.objects.get()
    assert (api.name, api.base_path, api.hosts) == ("Orders", "/orders", ["api.example.com"])
    assert (api.default_rate_limit, api.default_rate_burst) == (50, 50)
    assert api.default_counted_statuses == ["2xx"]
    made = RouteRule.objects.get()
    assert (made.api, made.methods, made.path_pattern, made.cost) == (
        api,
        ["GET", "POST"],
        "/{id}",
        2,
    )
    entry = AuditLog.objects.filter(event="api.changed").latest("id")
    assert (entry.actor_id, entry.target_id) == (sam.pk, api.pk)


def test_a_meter_promises_nothing_that_it_does_not_do(office):
    shown = office.get(page("api", "add")).content.decode()

    # Of the API, of the empty rule, and of each rule that can be added.
    assert shown.count("It has no effect yet") > 1


def test_rules_are_changed_added_and_taken_away(office):
    api = ApiFactory.create(name="Orders", slug="orders")
    kept = apis.create_rule(api=api, settings={"path_pattern": "/kept"}, by=None)
    gone = apis.create_rule(api=api, settings={"path_pattern": "/gone"}, by=None)

    office.post(
        page("api", "change", api.pk),
        API_FORM
        | rules_form(
            {"id": kept.pk, "api": api.pk, "path_pattern": "/kept", "cost": 7},
            {"id": gone.pk, "api": api.pk, "path_pattern": "/gone", "DELETE": "on"},
            {"path_pattern": "/new", "rate_limit": 5},
        ),
    )

    rules = {rule.path_pattern: rule for rule in RouteRule.objects.all()}
    assert set(rules) == {"/kept", "/new"}
    assert rules["/kept"].cost == 7
    assert (rules["/new"].rate_per_seconds, rules["/new"].rate_burst) == (1, 5)


def test_faults_are_shown_at_their_fields(office):
    answer = office.post(
        page("api", "add"),
        API_FORM
        | {"default_scope": "a AND"}
        | rules_form({"path_pattern": "/a/*/b", "methods": "G ET"}),
    )

    assert answer.status_code == 200
    assert "default_scope" in answer.context["adminform"].form.errors
    inline = answer.context["inline_admin_formsets"][0].formset
    assert set(inline.forms[0].errors) == {"path_pattern", "methods"}
    assert not Api.objects.exists()


def test_an_api_is_switched_off_and_forgotten(office):
    api = ApiFactory.create()

    assert said(act(office, "api", "disable", api)) == ["Switched off: 1."]
    assert Api.objects.get().disabled_at is not None
    assert said(act(office, "api", "enable", api)) == ["Switched on: 1."]
    office.post(page("api", "delete", api.pk), {"post": "yes"})

    assert not Api.objects.exists()
    assert AuditLog.objects.filter(event="api.changed").count() == 4


def test_customers_have_no_way_in(portal_as, olivia, key):
    answer = portal_as(olivia).get(page("apikey"))

    assert answer.status_code == 302
    assert "/admin/login/" in answer["Location"]


def test_the_fields_of_a_date_and_a_time_have_names(office):
    text = office.get("/admin/apikeys/servicekey/add/").content.decode()

    for name, label in (("expires_at_0", "Date"), ("expires_at_1", "Time")):
        field = text[text.index(f'name="{name}"') :].partition(">")[0]
        assert f'aria-label="{label}"' in field
