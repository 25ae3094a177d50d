"""Two of the staff at work on one row, and what no form of the back office sends."""

import re

import pytest
from django.contrib.admin import site
from django.urls import reverse
from django.utils import timezone

from accounts.models import Broadcast, User
from accounts.services import deletions
from apikeys.models import Api, RouteRule
from apikeys.services import apis
from audit.models import AuditLog
from billing.models import Plan
from organizations.models import Organization, OrganizationMember, Role
from tests import race
from tests.clients import grow_old
from tests.factories.accounts import PASSWORD, UserFactory
from tests.factors import enroll
from tests.platform.test_admin_questions import ask, said

pytestmark = pytest.mark.django_db
PEOPLE = "/admin/accounts/user/"
OUTDATED = (
    "Somebody else has changed this since it was shown to you: nothing was saved. "
    "Compare it with a fresh page, then save."
)
RULES = {"rules-TOTAL_FORMS": "0", "rules-INITIAL_FORMS": "0"}
PLAN = {
    "code": "NEW",
    "name": "New",
    "position": "9",
    "rate_limit": "1",
    "rate_per_seconds": "1",
    "rate_burst": "1",
    "audit_retention_days": "30",
}


@pytest.fixture
def office(portal_as, sam):
    """Return Sam's browser."""
    return portal_as(sam)


def shown(office, path):
    """Return what a browser sends when a form is saved as it was shown."""
    page = office.get(path)
    html = page.content.decode()
    form = page.context["adminform"].form
    fields = {name: form[name].value() for name in form.fields}
    sent = {name: value for name, value in fields.items() if value not in (None, False)}
    for formset in page.context["inline_admin_formsets"]:
        forms = [formset.formset.management_form, *formset.formset.initial_forms]
        for one in forms:
            values = {one.add_prefix(name): one[name].value() for name in one.fields}
            sent |= {name: value for name, value in values.items() if value not in (None, False)}
    return sent | dict(re.findall(r'name="(_seen)" value="(\w+)"', html))


def faults(answer):
    """Return what a form that was refused says above its fields."""
    return answer.context["adminform"].form.non_field_errors()


def test_what_somebody_else_changed_meanwhile_is_not_undone(office, organization):
    path = f"/admin/organizations/organization/{organization.pk}/change/"
    outdated = shown(office, path) | {"tax_id": "DE1"}
    rate = {"rate_limit": "5", "rate_per_seconds": "1", "rate_burst": "5"}
    assert office.post(path, shown(office, path) | rate).status_code == 302
    before = AuditLog.objects.count()

    answer = office.post(path, outdated)

    assert (answer.status_code, faults(answer)) == (200, [OUTDATED])
    kept = Organization.objects.get(pk=organization.pk)
    assert (kept.rate_limit, kept.rate_burst, kept.tax_id) == (5, 5, "")
    assert AuditLog.objects.count() == before
    assert office.post(path, shown(office, path) | {"tax_id": "DE1"}).status_code == 302
    kept.refresh_from_db()
    assert (kept.rate_limit, kept.tax_id) == (5, "DE1")


def test_what_changes_of_itself_is_in_nobodys_way(office, olivia):
    path = f"{PEOPLE}{olivia.pk}/change/"
    sent = shown(office, path) | {"full_name": "Olivia O."}
    User.objects.filter(pk=olivia.pk).update(login_count=7)

    assert office.post(path, sent).status_code == 302

    olivia.refresh_from_db()
    assert olivia.full_name == "Olivia O."


def test_a_role_that_was_given_meanwhile_is_not_taken_back(office, organization, mia):
    member = OrganizationMember.objects.get(user=mia)
    path = f"/admin/organizations/organizationmember/{member.pk}/change/"
    outdated = shown(office, path)
    OrganizationMember.objects.filter(pk=member.pk).update(role=Role.ADMIN)

    answer = office.post(path, outdated)

    assert faults(answer) == [OUTDATED]
    member.refresh_from_db()
    assert member.role == Role.ADMIN


def test_a_rule_that_was_changed_meanwhile_is_not_undone(office, sam):
    api = apis.create_api(settings={"name": "Orders", "slug": "orders"}, by=sam, at=timezone.now())
    rule = apis.create_rule(api=api, settings={"path_pattern": "/a", "cost": 1}, by=sam)
    path = f"/admin/apikeys/api/{api.pk}/change/"
    outdated = shown(office, path) | {"upstream_note": "new"}
    apis.update_rule(rule=rule, settings={"cost": 9}, by=sam)

    answer = office.post(path, outdated)

    assert faults(answer) == [OUTDATED]
    assert RouteRule.objects.get().cost == 9
    assert office.post(path, shown(office, path) | {"upstream_note": "new"}).status_code == 302
    assert (Api.objects.get().upstream_note, RouteRule.objects.get().cost) == ("new", 9)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("path", "body", "model"),
    [
        ("/admin/billing/plan/add/", PLAN, Plan),
        (
            "/admin/apikeys/api/add/",
            {
                "name": "A",
                "slug": "a",
                "base_path": "/a",
                "unknown_route_policy": "allow",
                "default_cost": "1",
                "default_meter": "calls",
                "mode": "strict",
                **RULES,
            },
            Api,
        ),
    ],
)
def test_of_forms_that_make_the_same_one_does(portal_as, sam, path, body, model):
    office = portal_as(sam)
    before = model.objects.count()

    answers = race.together(4, lambda _number: office.post(path, body))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 302]
    told = {
        fault
        for answer in answers
        if answer.status_code == 200
        for faults in answer.context["adminform"].form.errors.values()
        for fault in faults
    }
    assert all(fault.endswith("already exists.") for fault in told)
    assert told
    assert model.objects.count() == before + 1


@pytest.mark.django_db(transaction=True)
def test_what_two_delete_at_once_is_gone(portal_as, sam):
    office = portal_as(sam)
    api = apis.create_api(settings={"name": "Orders", "slug": "orders"}, by=sam, at=timezone.now())
    body = {"action": "delete_selected", "_selected_action": [api.pk], "post": "yes"}

    answers = race.together(3, lambda _number: office.post("/admin/apikeys/api/", body))

    assert {answer.status_code for answer in answers} <= {302, 404}
    assert not Api.objects.exists()
    # It was made, and it was deleted.
    assert AuditLog.objects.filter(event="api.changed").count() == 2


@pytest.mark.parametrize("chosen", ["abc", "\x00", "9e99", "1.5", " "])
def test_what_no_row_is_called_is_refused(office, olivia, chosen):
    body = {"action": "suspend", "reason": "x", "_selected_action": [chosen, olivia.pk]}

    answer = office.post(PEOPLE, body)

    assert answer.status_code == 400
    olivia.refresh_from_db()
    assert olivia.status == "ACTIVE"


def test_an_id_beyond_all_rows_is_none_of_them(office):
    ask_ = {"action": "suspend", "reason": "x", "_selected_action": ["9" * 30]}

    assert office.post(PEOPLE, ask_).status_code == 302

    assert said(office.get(PEOPLE)) == ["None of them is there any more: nothing was changed."]


def test_other_packages_pages_are_searched_by_columns_that_there_are(office):
    for model, page in site._registry.items():
        if not page.search_fields:
            continue
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert office.get(path, {"q": "acme"}).status_code == 200, model


def test_a_broadcast_goes_out_after_a_recent_proof_only(office, sam):
    draft = Broadcast.objects.create(title="Soon", body="Soon.", by_mail=True)
    path = f"/admin/accounts/broadcast/{draft.pk}/change/"
    grow_old(sam)

    for body in ({"_send": "x"}, {"_send": "x", "confirmed": "yes"}):
        answer = office.post(path, body)
        assert (
            answer["Location"]
            == f"/confirm/?next=%2Fadmin%2Faccounts%2Fbroadcast%2F{draft.pk}%2Fchange%2F"
        )
        draft.refresh_from_db()
        assert draft.status == "DRAFT"

    sam.sessions.update(authenticated_at=timezone.now())
    office.post(path, {"_send": "x", "confirmed": "yes"})
    draft.refresh_from_db()
    assert draft.status != "DRAFT"


@pytest.mark.parametrize(
    "action",
    [
        "suspend",
        "reinstate",
        "verify_email",
        "reset_password",
        "keep_account",
        "end_sessions",
        "reset_two_factor",
    ],
)
def test_nothing_is_done_to_an_account_that_was_closed_for_good(office, action):
    gone = UserFactory.create(email_verified_at=None)
    deletions.erase(user_id=gone.pk, at=timezone.now())
    gone.refresh_from_db()
    before = AuditLog.objects.count()

    ask(office, PEOPLE, action, gone, reason="x", confirmed="yes")

    assert said(office.get(PEOPLE)) == [f"{gone}: closed for good."]
    assert AuditLog.objects.count() == before
    assert User.objects.get(pk=gone.pk).email_verified_at is None


@pytest.mark.parametrize("name", ["organization", "user"])
@pytest.mark.parametrize("value", ["abc", "\x00", "a,b", "2026-13-40"])
def test_a_form_that_names_no_row_is_shown_again(office, organization, olivia, name, value):
    path = "/admin/organizations/organizationmember/add/"
    before = OrganizationMember.objects.count()

    answer = office.post(path, {"organization": organization.pk, "user": olivia.pk, name: value})

    assert answer.status_code == 200
    assert name in answer.context["adminform"].form.errors
    assert OrganizationMember.objects.count() == before


def test_a_form_shows_the_row_that_was_chosen(office, organization, olivia):
    path = "/admin/organizations/organizationmember/add/"

    html = office.post(path, {"organization": organization.pk, "user": olivia.pk}).content.decode()

    assert f'<option value="{olivia.pk}" selected>{olivia.email}</option>' in html


@pytest.mark.parametrize(
    "address",
    [
        "organizations/organizationmember/add/?user={user}&role=OWNER",
        "organizations/organizationmember/add/?user=abc",
        "apikeys/servicekey/add/?name=mine&expires_at=abc",
        "apikeys/servicekey/add/?expires_at=2026-13-40",
    ],
)
def test_no_address_fills_a_form_in(office, olivia, address):
    page = office.get(f"/admin/{address.format(user=olivia.pk)}")

    form = page.context["adminform"].form
    assert page.status_code == 200
    assert {form[name].value() for name in form.fields} <= {None, "", "MEMBER"}
    assert olivia.email not in page.content.decode()


@pytest.mark.parametrize("title", ["a\r\nBcc: x@example.com", "\u202eSoon", "\u200b"])
def test_a_broadcast_has_a_title_that_can_be_read(office, title):
    answer = office.post(
        "/admin/accounts/broadcast/add/", {"title": title, "body": "b", "by_mail": "on"}
    )

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == ["title"]
    assert not Broadcast.objects.exists()


def test_a_plan_has_a_name_that_can_be_read(office):
    answer = office.post("/admin/billing/plan/add/", PLAN | {"name": "\u202ePro"})

    assert list(answer.context["adminform"].form.errors) == ["name"]
    assert not Plan.objects.filter(code="NEW").exists()


@pytest.mark.parametrize("action", ["reset_two_factor", "keep_account"])
def test_what_was_not_done_is_not_said_to_be_done(office, olivia, stan, action):
    enroll(stan)
    deletions.request(user=stan, password=PASSWORD, at=timezone.now())

    ask(office, PEOPLE, action, olivia, stan, reason="lost", confirmed="yes")

    assert said(office.get(PEOPLE)) == ["Done: 1.", "There was nothing to do: 1."]
