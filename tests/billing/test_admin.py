"""The back office of plans and subscriptions."""

import pytest

from audit.models import AuditLog
from billing.models import Plan, Subscription
from organizations.models import Organization
from tests.factories.organizations import OrganizationFactory

pytestmark = pytest.mark.django_db
PLANS = "/admin/billing/plan/"
SUBSCRIPTIONS = "/admin/billing/subscription/"
TERMS = {
    "name": "Team",
    "position": "7",
    "rate_limit": "60",
    "rate_per_seconds": "1",
    "rate_burst": "120",
    "rate_ceiling": "",
    "quota_limit": "",
    "key_limit": "5",
    "seat_limit": "",
    "audit_retention_days": "365",
}


@pytest.fixture
def back_office(portal_as, sam):
    return portal_as(sam)


def test_a_plan_is_created_through_the_service(back_office, sam):
    response = back_office.post(f"{PLANS}add/", {"code": "TEAM", **TERMS})

    assert response.status_code == 302
    plan = Plan.objects.get(code="TEAM")
    assert (plan.rate_limit, plan.key_limit, plan.seat_limit, plan.is_public) == (
        60,
        5,
        None,
        False,
    )
    assert AuditLog.objects.get(event="plan.created").actor_id == sam.pk


def test_a_plan_is_changed_through_the_service_and_keeps_its_code(back_office, organization, sam):
    free = Plan.objects.get(code="FREE")

    response = back_office.post(
        f"{PLANS}{free.pk}/change/", {"code": "GRATIS", **TERMS, "seat_limit": "4"}
    )

    assert response.status_code == 302
    free.refresh_from_db()
    assert (free.code, free.name, free.seat_limit) == ("FREE", "Team", 4)
    assert Organization.objects.get().seat_limit == 4
    assert AuditLog.objects.get(event="plan.updated").actor_id == sam.pk


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("code", "team", "made of capital letters, digits and underscores"),
        ("rate_limit", "0", "This is at least 1."),
        ("rate_per_seconds", "0", "This is at least 1."),
        ("rate_burst", "0", "This is at least 1."),
        ("audit_retention_days", "0", "This is at least 1."),
        ("seat_limit", "0", "This is at least 1, or empty for any number."),
    ],
)
def test_a_plan_that_cannot_be_is_refused_at_its_field(back_office, field, value, told):
    response = back_office.post(f"{PLANS}add/", {"code": "TEAM", **TERMS, field: value})

    assert response.status_code == 200
    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert told in errors[field][0]
    assert "onstraint" not in response.content.decode()
    assert not Plan.objects.filter(code__iexact="team").exists()


def test_a_plan_that_stands_is_refused_at_its_field_too(back_office):
    free = Plan.objects.get(code="FREE")

    response = back_office.post(f"{PLANS}{free.pk}/change/", {**TERMS, "rate_burst": "0"})

    assert response.context["adminform"].form.errors == {"rate_burst": ["This is at least 1."]}
    assert Plan.objects.get(code="FREE").rate_burst == free.rate_burst


def test_plans_are_not_deleted(back_office):
    plan = Plan.objects.get(code="ENTERPRISE")

    assert back_office.post(f"{PLANS}{plan.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Plan.objects.filter(pk=plan.pk).exists()


def test_a_subscription_moves_to_another_plan(back_office, organization, sam):
    subscription = Subscription.objects.get()
    pro = Plan.objects.get(code="PRO")

    response = back_office.post(f"{SUBSCRIPTIONS}{subscription.pk}/change/", {"plan": pro.pk})

    assert response.status_code == 302
    subscription.refresh_from_db()
    assert subscription.plan == pro
    assert Organization.objects.get().seat_limit == 50
    entry = AuditLog.objects.get(event="subscription.updated")
    assert (entry.actor_id, entry.organization_id) == (sam.pk, organization.pk)


def test_subscriptions_are_neither_added_nor_deleted(back_office, organization):
    subscription = Subscription.objects.get()

    assert back_office.get(f"{SUBSCRIPTIONS}add/").status_code == 403
    url = f"{SUBSCRIPTIONS}{subscription.pk}/delete/"
    assert back_office.post(url, {"post": "yes"}).status_code == 403
    assert Subscription.objects.count() == 1


def test_a_canceled_subscription_is_only_shown(back_office, organization):
    Subscription.objects.update(status="CANCELED", canceled_at="2026-01-01T00:00:00Z")
    subscription = Subscription.objects.get()

    page = back_office.get(f"{SUBSCRIPTIONS}{subscription.pk}/change/")

    assert page.status_code == 200
    assert b'name="_save"' not in page.content


@pytest.mark.parametrize("text", ["", "Olivia", "{pk}"])
def test_subscriptions_are_found_by_their_organization(
    back_office, organization, foreign_organization, text
):
    response = back_office.get(SUBSCRIPTIONS, {"q": text.format(pk=organization.pk)})

    found = {row.organization for row in response.context["cl"].result_list}
    assert organization in found


def test_lists_cost_the_same_for_many(back_office, organization, count_queries):
    subscription = Subscription.objects.get()
    page = f"{SUBSCRIPTIONS}{subscription.pk}/change/"
    few = count_queries(back_office, SUBSCRIPTIONS), count_queries(back_office, page)

    for _ in range(10):
        OrganizationFactory.create()

    assert few == (count_queries(back_office, SUBSCRIPTIONS), count_queries(back_office, page))
