"""Agreeing to a plan, moving to another, and changing what a plan allows."""

from functools import partial

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit.models import AuditLog
from billing import selectors
from billing.models import Plan, Subscription
from billing.services import plans, subscriptions
from billing.services.subscriptions import AlreadySubscribed
from config.common.errors import NotFound
from organizations import access
from organizations.models import Organization
from organizations.services import answers, invitations, members
from tests import race
from tests.factories.accounts import UserFactory
from tests.factories.billing import PlanFactory
from tests.factories.organizations import OrganizationFactory
from tests.race import at_once
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db
CATALOGUE = [
    # code, rate, burst, ceiling, quota, keys, seats
    ("FREE", 25, 50, 1_000, 100_000, 10, 3),
    ("BASIC", 100, 200, 5_000, 2_000_000, 50, 10),
    ("PRO", 500, 1_000, 20_000, 50_000_000, 1_000, 50),
    ("ENTERPRISE", 5_000, 10_000, None, None, None, None),
]


def test_the_catalogue_is_there_from_the_start():
    found = Plan.objects.order_by("position").values_list(
        "code", "rate_limit", "rate_burst", "rate_ceiling", "quota_limit", "key_limit", "seat_limit"
    )

    assert list(found) == CATALOGUE
    assert not Plan.objects.filter(is_public=False).exists()


def test_moves_at_once_and_takes_the_seats_along(organization):
    before = Organization.objects.get().version

    subscription = subscriptions.change_plan(organization=organization, plan_code="PRO")

    assert subscription.plan.code == "PRO"
    organization.refresh_from_db()
    assert organization.seat_limit == 50
    assert organization.version == before + 1
    entry = AuditLog.objects.get(event="subscription.updated")
    assert (entry.old_values, entry.new_values) == ({"plan": "FREE"}, {"plan": "PRO"})
    assert (entry.target_type, entry.target_id) == ("subscription", subscription.pk)
    message = WebhookMessage.objects.get(event_type="subscription.updated")
    assert message.payload["data"] == {
        "organization_id": organization.pk,
        "subscription_id": subscription.pk,
        "old_plan": "FREE",
        "plan": "PRO",
    }


def test_a_new_organization_has_the_seats_of_its_first_plan():
    Plan.objects.filter(code=subscriptions.FIRST_PLAN).update(seat_limit=7)

    made = OrganizationFactory.create()

    made.refresh_from_db()
    assert made.seat_limit == 7


def test_no_seat_limit_means_any_number(organization):
    subscriptions.change_plan(organization=organization, plan_code="ENTERPRISE")

    organization.refresh_from_db()
    assert organization.seat_limit is None


def test_the_same_plan_tells_nothing(organization):
    subscriptions.change_plan(organization=organization, plan_code="FREE")

    assert not AuditLog.objects.filter(event="subscription.updated").exists()


def test_an_unknown_plan_changes_nothing(organization):
    with pytest.raises(NotFound, match="no plan called GOLD"):
        subscriptions.change_plan(organization=organization, plan_code="GOLD")

    assert selectors.subscription_of(organization).plan.code == "FREE"


def test_a_second_active_subscription_is_refused(organization):
    with pytest.raises(AlreadySubscribed):
        subscriptions.subscribe(organization_id=organization.pk, plan_code="PRO", at=timezone.now())

    assert Subscription.objects.get().plan.code == "FREE"
    assert AuditLog.objects.filter(event="subscription.created").count() == 1


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"status": "PAUSED"}, "subscription_(status_known|canceled_at_kept)"),
        ({"status": "CANCELED"}, "subscription_canceled_at_kept"),
        ({"canceled_at": "2026-01-01T00:00:00Z"}, "subscription_canceled_at_kept"),
    ],
)
def test_the_database_refuses_an_impossible_subscription(organization, values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Subscription.objects.update(**values)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"rate_limit": 0}, "plan_rate_positive"),
        ({"rate_burst": 0}, "plan_rate_positive"),
        ({"seat_limit": 0}, "plan_seats_positive"),
        ({"code": "free"}, "plan_code_upper"),
    ],
)
def test_the_database_refuses_an_impossible_plan(values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Plan.objects.filter(code="FREE").update(**values)


def test_a_changed_plan_holds_for_everyone_on_it(organization, foreign_organization):
    subscriptions.change_plan(organization=foreign_organization, plan_code="PRO")
    versions = dict(Organization.objects.values_list("pk", "version"))
    plan = Plan.objects.get(code="FREE")

    plans.update_plan(plan=plan, terms={"seat_limit": 7, "quota_limit": 5, "name": "Free"})

    organization.refresh_from_db()
    foreign_organization.refresh_from_db()
    assert (organization.seat_limit, foreign_organization.seat_limit) == (7, 50)
    assert organization.version == versions[organization.pk] + 1
    assert foreign_organization.version == versions[foreign_organization.pk]
    assert selectors.allowance_of(organization).quota_limit == 5
    entry = AuditLog.objects.get(event="plan.updated")
    assert (entry.chain, entry.old_values, entry.new_values) == (
        0,
        {"seat_limit": 3, "quota_limit": 100_000},
        {"seat_limit": 7, "quota_limit": 5},
    )


def test_the_versions_rise_even_if_the_seats_stay(organization):
    before = Organization.objects.get().version

    plans.update_plan(plan=Plan.objects.get(code="FREE"), terms={"rate_limit": 26})

    assert Organization.objects.get().version == before + 1


def test_an_unchanged_plan_tells_nothing(organization):
    before = Organization.objects.get().version

    plans.update_plan(plan=Plan.objects.get(code="FREE"), terms={"rate_limit": 25})

    assert Organization.objects.get().version == before
    assert not AuditLog.objects.filter(event="plan.updated").exists()


def test_staff_move_an_organization_to_a_private_plan(organization):
    plan = PlanFactory.create()

    assert not plan.is_public
    assert subscriptions.change_plan(organization=organization, plan_code=plan.code).plan == plan
    assert AuditLog.objects.get(event="plan.created").target_id == plan.pk


def test_the_organizations_overrides_come_first(organization):
    plain = selectors.allowance_of(organization)
    Organization.objects.update(rate_limit=9, rate_per_seconds=2, rate_burst=18, quota_limit=0)
    organization.refresh_from_db()

    agreed = selectors.allowance_of(organization)

    assert (plain.rate_limit, plain.rate_per_seconds, plain.rate_burst) == (25, 1, 50)
    assert (plain.rate_ceiling, plain.quota_limit, plain.key_limit) == (1_000, 100_000, 10)
    assert (agreed.rate_limit, agreed.rate_per_seconds, agreed.rate_burst) == (9, 2, 18)
    assert (agreed.rate_ceiling, agreed.quota_limit, agreed.key_limit) == (None, 0, 10)
    assert agreed.period_anchor_at == Subscription.objects.get().anchor_at


@pytest.mark.django_db(transaction=True)
def test_moving_while_the_plan_changes_leaves_the_right_seats(organization):
    free, pro = Plan.objects.get(code="FREE"), Plan.objects.get(code="PRO")

    for seats in range(4, 24):
        subscriptions.change_plan(organization=organization, plan_code="FREE")
        outcomes = at_once(
            partial(subscriptions.change_plan, organization=organization, plan_code="PRO"),
            partial(plans.update_plan, plan=free, terms={"seat_limit": seats}),
            partial(plans.update_plan, plan=pro, terms={"seat_limit": seats + 100}),
        )

        assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
        assert Organization.objects.get().seat_limit == seats + 100


@pytest.mark.django_db(transaction=True)
def test_of_many_subscriptions_at_once_one_is_opened():
    organization = OrganizationFactory.create()
    with transaction.atomic():
        Subscription.objects.update(status="CANCELED", canceled_at=timezone.now())

    outcomes = at_once(
        *[
            partial(
                subscriptions.subscribe,
                organization_id=organization.pk,
                plan_code=code,
                at=timezone.now(),
            )
            for code in ("FREE", "BASIC", "PRO", "ENTERPRISE")
        ]
    )

    names = sorted(type(outcome).__name__ for outcome in outcomes)
    assert names == ["AlreadySubscribed"] * 3 + ["Subscription"]
    assert Subscription.objects.filter(status="ACTIVE").count() == 1


def test_command_changes_the_plan(organization, capsys):
    call_command("change_plan", organization.slug, "PRO")

    assert capsys.readouterr().out == "Olivia's organization is on Pro.\n"
    entry = AuditLog.objects.get(event="subscription.updated")
    assert (entry.actor_type, entry.actor_label) == ("command", "change_plan")


def test_command_says_which_plan_does_not_exist(organization):
    with pytest.raises(CommandError, match="no plan called GOLD"):
        call_command("change_plan", str(organization.pk), "GOLD")


@pytest.mark.django_db(transaction=True)
def test_a_smaller_plan_on_its_way_leaves_no_seat_to_take():
    organization = OrganizationFactory.create()
    subscriptions.change_plan(organization=organization, plan_code="BASIC")
    for _ in range(2):
        members.add_member(organization=organization, user=UserFactory.create(), role="VIEWER")
    invited = UserFactory.create()
    invitation = invitations.invite(
        tenant=access.on_behalf_of(organization),
        email=invited.email,
        role="VIEWER",
        at=timezone.now(),
    )

    refused = race.behind(
        lambda: subscriptions.change_plan(organization=organization, plan_code="FREE"),
        lambda: answers.accept(user=invited, invitation_id=invitation.pk, at=timezone.now()),
    )

    assert isinstance(refused, members.SeatLimitReached)
    assert organization.members.count() == 3
    invitation.refresh_from_db()
    assert invitation.status == "PENDING"


def test_who_is_there_stays_when_the_plan_shrinks(organization, adam, mia, vera):
    subscriptions.change_plan(organization=organization, plan_code="PRO")
    before = organization.members.count()

    subscriptions.change_plan(organization=organization, plan_code="FREE")

    assert (before, organization.members.count()) == (4, 4)
    with pytest.raises(members.SeatLimitReached):
        members.add_member(organization=organization, user=UserFactory.create(), role="VIEWER")
