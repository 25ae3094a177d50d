"""How far a closing reaches: all that works for the organization ends, nothing of a neighbour is touched, and no race leaves anything on."""

from datetime import timedelta
from importlib import import_module

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from accounts.models import User
from apikeys.models import ApiKey
from apikeys.services import keys
from audit.models import AuditLog
from billing.models import Subscription
from billing.services import subscriptions
from organizations import access
from organizations.access import OrganizationIsClosed
from organizations.models import (
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
)
from organizations.services import (
    closing,
    custom_roles,
    grants,
    invitations,
    limits,
    members,
    organizations,
    security_policy,
)
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.organizations import MemberFactory, OrganizationFactory
from tests.factories.webhooks import WebhookFactory
from tests.race import at_once
from webhooks.models import DisabledReason, Webhook, WebhookDelivery, WebhookMessage
from webhooks.services import endpoints, fan_out, resending

ROUNDS = 4


def equip(organization):
    """Give an organization one of everything that works for it."""
    key = ApiKeyFactory.create(organization=organization)
    webhook = WebhookFactory.create(organization=organization)
    tenant = access.on_behalf_of(organization)
    holder = MemberFactory.create(organization=organization).user
    grants.give(
        tenant=tenant, user_id=holder.pk, permission="keys:write", kind="api_key", object_id=key.pk
    )
    invitations.invite(
        tenant=tenant, email=f"n{organization.pk}@example.com", role="VIEWER", at=timezone.now()
    )
    fan_out.fan_out(at=timezone.now())
    return key, webhook


def close(organization):
    closing.close(
        tenant=access.on_behalf_of(organization),
        confirmation=organization.name,
        at=timezone.now(),
    )


def state_of(organization):
    """Return everything about an organization that a closing could change."""
    pk = organization.pk
    return {
        "organization": Organization.objects.values().get(pk=pk),
        "keys": list(ApiKey.objects.filter(organization_id=pk).values()),
        "webhooks": list(Webhook.objects.filter(organization_id=pk).values()),
        "deliveries": list(WebhookDelivery.objects.filter(organization_id=pk).values()),
        "subscriptions": list(Subscription.objects.filter(organization_id=pk).values()),
        "invitations": list(OrganizationInvitation.objects.filter(organization_id=pk).values()),
        "grants": list(ObjectGrant.objects.filter(organization_id=pk).values()),
        "members": list(OrganizationMember.objects.filter(organization_id=pk).values()),
        "log": AuditLog.objects.filter(organization_id=pk).count(),
        "messages": WebhookMessage.objects.filter(organization_id=pk).count(),
    }


@pytest.mark.django_db
def test_everything_that_works_for_it_ends_and_the_neighbour_keeps_all(told):
    organization, neighbour = OrganizationFactory.create(), OrganizationFactory.create()
    (key, webhook), _ = equip(organization), equip(neighbour)
    waiting = WebhookDelivery.objects.filter(webhook=webhook)
    assert set(waiting.values_list("status", flat=True)) == {"PENDING"}
    before = state_of(neighbour)
    told()

    close(organization)

    assert told() == [
        *("invitation.revoked", "grant.removed", "subscription.canceled", "api_key.revoked"),
        *("webhook.disabled", "organization.closed"),
    ]
    organization.refresh_from_db()
    key.refresh_from_db()
    webhook.refresh_from_db()
    assert key.revoked_at == webhook.disabled_at
    assert webhook.disabled_reason == DisabledReason.CLOSED
    assert set(waiting.values_list("status", "next_attempt_at")) == {("CANCELED", None)}
    ended = Subscription.objects.get(organization=organization)
    assert (ended.status, ended.canceled_at) == ("CANCELED", key.revoked_at)
    assert not ObjectGrant.objects.filter(organization=organization).exists()
    assert state_of(neighbour) == before

    fan_out.fan_out(at=timezone.now())

    last = WebhookDelivery.objects.get(webhook=webhook, status="PENDING")
    assert last.message.event_type == "organization.closed"


@pytest.mark.django_db
def test_each_consequence_is_in_the_log_with_its_values(organization):
    key, webhook = equip(organization)

    close(organization)

    logged = {
        entry.event: entry for entry in AuditLog.objects.filter(organization_id=organization.pk)
    }
    ended = logged["subscription.canceled"]
    assert (ended.old_values["status"], ended.new_values["status"]) == ("ACTIVE", "CANCELED")
    stopped = logged["webhook.disabled"]
    assert stopped.target_id == webhook.pk
    assert stopped.new_values["disabled_reason"] == "closed"
    assert logged["grant.removed"].data["object_id"] == key.pk


@pytest.mark.django_db
def test_what_was_off_keeps_its_reason_and_nobody_switches_it_on(organization):
    webhook = WebhookFactory.create(organization=organization)
    endpoints.disable_webhook(webhook=webhook, at=timezone.now())
    key = ApiKeyFactory.create(organization=organization)

    close(organization)

    with pytest.raises(OrganizationIsClosed):
        endpoints.enable_webhook(webhook=webhook, is_staff=True)
    with pytest.raises(OrganizationIsClosed):
        keys.update_key(key=key, settings={"name": "Other"}, at=timezone.now())
    with pytest.raises(resending.EndpointDisabled):
        resending.recover(webhook=webhook, since=timezone.now() - timedelta(1), at=timezone.now())
    webhook.refresh_from_db()
    key.refresh_from_db()
    assert (webhook.disabled_reason, key.name == "Other") == ("customer", False)


@pytest.mark.django_db
def test_nothing_new_begins_in_what_is_closed(organization):
    close(organization)
    before = state_of(organization)
    someone = UserFactory.create()

    for begin in (
        lambda: ApiKeyFactory.create(organization=organization),
        lambda: WebhookFactory.create(organization=organization),
        lambda: members.add_member(organization=organization, user=someone, role="VIEWER"),
        lambda: subscriptions.change_plan(organization=organization, plan_code="PRO"),
        lambda: subscriptions.subscribe(
            organization_id=organization.pk, plan_code="PRO", at=timezone.now()
        ),
    ):
        with pytest.raises(OrganizationIsClosed):
            begin()
    assert state_of(organization) == before


@pytest.mark.django_db
def test_staff_still_reads_what_is_closed(portal_as, sam, organization):
    staff_admin = portal_as(sam)
    key, webhook = equip(organization)
    close(organization)
    ended = Subscription.objects.get(organization=organization)

    for path in (
        f"apikeys/apikey/{key.pk}/change/",
        f"webhooks/webhook/{webhook.pk}/change/",
        f"billing/subscription/{ended.pk}/change/",
        f"organizations/organization/{organization.pk}/change/",
    ):
        assert staff_admin.get(f"/admin/{path}", follow=True).status_code == 200, path
    page = staff_admin.get(f"/admin/webhooks/webhook/{webhook.pk}/change/").content.decode()
    assert "The organization was closed" in page


def _left_on(organization):
    usable = ApiKey.objects.unrevoked().filter(organization=organization).count()
    on = Webhook.objects.filter(organization=organization, disabled_at=None).count()
    paying = Subscription.objects.filter(organization=organization, status="ACTIVE").count()
    pending = WebhookDelivery.objects.filter(organization=organization, status="PENDING").count()
    return usable, on, paying, pending


def race_a_closing(organization):
    """Close an organization while all kinds of things begin in it, and return what became of each."""
    owner = User.objects.get(memberships__organization=organization)
    made = [ApiKeyFactory.create(organization=organization) for _ in range(3)]
    off = WebhookFactory.create(organization=organization)
    endpoints.disable_webhook(webhook=off, at=timezone.now())
    on = WebhookFactory.create(organization=organization)
    return at_once(
        lambda: close(organization),
        lambda: ApiKeyFactory.create(organization=organization, created_by=owner),
        lambda: WebhookFactory.create(organization=organization),
        lambda: endpoints.enable_webhook(webhook=off),
        lambda: keys.rotate_key(key=made[1], overlap_seconds=0, at=timezone.now()),
        lambda: keys.revoke_key(key=made[2], at=timezone.now()),
        lambda: endpoints.update_webhook(webhook=on, settings={"description": "Other"}),
        lambda: endpoints.rotate_secret(webhook=on, at=timezone.now()),
        lambda: subscriptions.change_plan(organization=organization, plan_code="PRO"),
        lambda: fan_out.fan_out(at=timezone.now()),
    )


@pytest.mark.django_db(transaction=True)
def test_whatever_races_a_closing_nothing_is_left_on_and_nobody_waits_in_a_circle():
    for _ in range(ROUNDS):
        organization = OrganizationFactory.create()

        outcomes = race_a_closing(organization)

        assert outcomes[0] is None
        assert not [one for one in outcomes if isinstance(one, OperationalError)]
        assert _left_on(organization) == (0, 0, 0, 0)


@pytest.mark.django_db
def test_nothing_of_it_is_changed_afterwards_by_staff(portal_as, sam, organization, mia):
    close(organization)
    tenant, before = access.on_behalf_of(organization), state_of(organization)

    for change in (
        lambda: organizations.update_organization(
            organization=organization, changes={"name": "Other"}
        ),
        lambda: limits.override_limits(
            organization=organization,
            limits={"rate_limit": 9, "rate_per_seconds": 1, "rate_burst": 9, "quota_limit": None},
        ),
        lambda: security_policy.change_policy(tenant=tenant, changes={"requires_two_factor": True}),
        lambda: members.change_role(tenant=tenant, user_id=mia.pk, role="ADMIN"),
        lambda: members.remove_member(tenant=tenant, user_id=mia.pk),
        lambda: custom_roles.create_role(tenant=tenant, name="Late", permissions=[]),
        lambda: close(organization),
    ):
        with pytest.raises(OrganizationIsClosed):
            change()
    page = portal_as(sam).get(f"/admin/organizations/organization/{organization.pk}/change/")

    assert (page.status_code, page.context["has_change_permission"]) == (200, False)
    assert b'name="_save"' not in page.content
    assert state_of(organization) == before


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("migration", "statement", "ended"),
    [
        (
            "organizations.migrations.0007_closed_hold_nothing",
            "TAKE_BACK",
            {"invitations", "grants"},
        ),
        ("billing.migrations.0005_closed_subscribe_to_nothing", "END", {"subscriptions"}),
        ("webhooks.migrations.0009_closed_are_told_nothing", "STOP", {"webhooks", "deliveries"}),
    ],
)
def test_what_was_closed_before_it_reached_so_far_is_brought_to_an_end(migration, statement, ended):
    organization, neighbour = OrganizationFactory.create(), OrganizationFactory.create()
    equip(organization)
    equip(neighbour)
    switched_off = WebhookFactory.create(organization=organization)
    endpoints.disable_webhook(webhook=switched_off, at=timezone.now())
    Organization.objects.filter(pk=organization.pk).update(
        status="CLOSED", closed_at=timezone.now()
    )
    before, of_neighbour = state_of(organization), state_of(neighbour)

    with connection.cursor() as cursor:
        cursor.execute(getattr(import_module(migration), statement))

    after = state_of(organization)
    assert {name for name in after if after[name] != before[name]} == ended
    assert state_of(neighbour) == of_neighbour
    live = {
        "invitations": [row["status"] for row in after["invitations"]],
        "grants": after["grants"],
        "subscriptions": [row["status"] for row in after["subscriptions"]],
        "webhooks": sorted(row["disabled_reason"] for row in after["webhooks"]),
        "deliveries": sorted({row["status"] for row in after["deliveries"]}),
    }
    assert {name: live[name] for name in ended}.items() <= {
        "invitations": ["REVOKED"],
        "grants": [],
        "subscriptions": ["CANCELED"],
        "webhooks": ["closed", "customer"],
        "deliveries": ["CANCELED"],
    }.items()
