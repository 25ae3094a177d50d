"""Suspending and reinstating, and overriding limits: by services, by commands."""

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditLog
from config.common.errors import InvalidInput
from organizations.models import Organization, OrganizationMember
from organizations.services import limits, suspension
from organizations.services.suspension import OrganizationNotActive, OrganizationNotSuspended
from tests.factories.accounts import UserFactory
from tests.race import at_once

pytestmark = pytest.mark.django_db


def status_of(organization):
    return Organization.objects.get(pk=organization.pk).status


def test_suspends_once_and_reinstates(organization, told):
    told()

    suspension.suspend(organization=organization, reason="unpaid")
    with pytest.raises(OrganizationNotActive):
        suspension.suspend(organization=organization, reason="again")

    assert status_of(organization) == "SUSPENDED"
    assert told() == ["organization.suspended"]
    suspension.reinstate(organization=organization)
    with pytest.raises(OrganizationNotSuspended):
        suspension.reinstate(organization=organization)
    assert status_of(organization) == "ACTIVE"
    assert told() == ["organization.reinstated"]


@pytest.mark.django_db(transaction=True)
def test_two_who_suspend_at_once_suspend_once(organization):
    outcomes = at_once(*[lambda: suspension.suspend(organization=organization, reason="race")] * 4)

    assert sum(outcome is None for outcome in outcomes) == 1
    assert AuditLog.objects.filter(event="organization.suspended").count() == 1


def test_the_gate_sees_a_new_version(organization):
    before = Organization.objects.get().version

    suspension.suspend(organization=organization, reason="unpaid")

    assert Organization.objects.get().version == before + 1


def test_overrides_and_takes_back(organization, told):
    told()
    given = limits.Limits(rate_limit=9, rate_per_seconds=1, rate_burst=18, quota_limit=0)
    none = limits.Limits(rate_limit=None, rate_per_seconds=None, rate_burst=None, quota_limit=None)

    limits.override_limits(organization=organization, limits=given)
    limits.override_limits(organization=organization, limits=given)

    assert told() == ["organization.limits_changed"]
    entry = AuditLog.objects.get(event="organization.limits_changed")
    assert (entry.old_values, entry.new_values) == (none, given)
    limits.override_limits(organization=organization, limits=none)
    organization.refresh_from_db()
    assert (organization.rate_limit, organization.quota_limit) == (None, None)


@pytest.mark.parametrize("part", ["rate_limit", "rate_per_seconds", "rate_burst"])
@pytest.mark.parametrize("value", [None, 0])
def test_a_rate_is_given_whole(organization, part, value):
    given = limits.Limits(rate_limit=9, rate_per_seconds=1, rate_burst=18, quota_limit=None)

    with pytest.raises(InvalidInput):
        limits.override_limits(
            organization=organization,
            limits={**given, part: value},  # type: ignore[misc]
        )

    assert Organization.objects.get().rate_limit is None


@pytest.mark.parametrize("name_by", ["pk", "slug"])
def test_commands_suspend_and_reinstate(organization, capsys, name_by):
    called = str(getattr(organization, name_by))

    call_command("suspend_organization", called, reason="unpaid")
    assert status_of(organization) == "SUSPENDED"
    call_command("reinstate_organization", called)

    assert status_of(organization) == "ACTIVE"
    assert capsys.readouterr().out.splitlines() == [
        "Olivia's organization is suspended.",
        "Olivia's organization is active.",
    ]
    entry = AuditLog.objects.get(event="organization.suspended")
    assert (entry.actor_type, entry.actor_label) == ("command", "suspend_organization")
    assert entry.data["reason"] == "unpaid"
    assert len(entry.request_id) == 32


@pytest.mark.parametrize(
    "arguments",
    [
        ["suspend_organization", "nobodys", "--reason", "x"],
        ["suspend_organization", "999999999999999999999", "--reason", "x"],
        ["reinstate_organization", "999999"],
        ["add_member", "nobodys", "new@example.com"],
        ["change_plan", "nobodys", "PRO"],
    ],
)
def test_commands_say_what_they_cannot_find(organization, arguments):
    UserFactory.create(email="new@example.com")

    with pytest.raises(CommandError, match="There is no organization with the id or slug"):
        call_command(*arguments)


def test_a_closed_organization_is_not_reinstated(organization):
    Organization.objects.filter(pk=organization.pk).update(
        status="CLOSED", closed_at=timezone.now()
    )

    with pytest.raises(CommandError, match="Only a suspended organization can be reinstated"):
        call_command("reinstate_organization", organization.slug)

    assert status_of(organization) == "CLOSED"


def test_command_adds_a_member(organization, capsys):
    UserFactory.create(email="new@example.com")

    call_command("add_member", organization.slug, "NEW@example.com", "--role", "ADMIN")

    member = OrganizationMember.objects.get(user__email="new@example.com")
    assert (member.organization, member.role) == (organization, "ADMIN")
    assert (
        "new@example.com is a member of Olivia's organization as ADMIN." in capsys.readouterr().out
    )
    assert AuditLog.objects.get(event="member.added").actor_label == "add_member"


def test_command_refuses_an_unknown_person_and_a_second_time(organization, olivia):
    with pytest.raises(CommandError, match="Nobody has the address"):
        call_command("add_member", organization.slug, "nobody@example.com")
    with pytest.raises(CommandError, match="belongs to the organization already"):
        call_command("add_member", organization.slug, olivia.email)

    assert OrganizationMember.objects.count() == 1
