"""What the database itself refuses, whoever writes."""

import pytest
from django.db import IntegrityError, transaction

from organizations.models import Organization, OrganizationMember
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"name": ""}, "organization_name_given"),
        ({"status": "PAUSED"}, "organization_status_known"),
        ({"status": "CLOSED"}, "organization_closed_complete"),
        ({"max_key_age_days": 0}, "organization_key_age_positive"),
        ({"currency": "usd"}, "organization_currency_code"),
        ({"currency": "US"}, "organization_currency_code"),
        ({"rate_limit": 5}, "organization_rate_complete"),
        ({"rate_limit": 5, "rate_per_seconds": 1}, "organization_rate_complete"),
        ({"rate_limit": 0, "rate_per_seconds": 1, "rate_burst": 1}, "organization_rate_complete"),
        ({"quota_limit": -1}, "organizations_organization_quota_limit_check"),
        ({"seat_limit": -1}, "organizations_organization_seat_limit_check"),
    ],
)
def test_refuses_an_impossible_organization(organization, values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Organization.objects.filter(pk=organization.pk).update(**values)


def test_refuses_a_role_that_does_not_exist(organization):
    with pytest.raises(IntegrityError, match="member_role_known"), transaction.atomic():
        OrganizationMember.objects.filter(organization=organization).update(role="BOSS")


def test_refuses_a_second_membership(organization, olivia):
    with pytest.raises(IntegrityError, match="member_unique"), transaction.atomic():
        OrganizationMember.objects.create(organization=organization, user=olivia, role="VIEWER")


def test_refuses_a_second_personal_organization(organization, olivia, foreign_organization):
    with pytest.raises(IntegrityError, match="personal_of"), transaction.atomic():
        Organization.objects.filter(pk=foreign_organization.pk).update(personal_of=olivia)


def test_every_update_raises_the_version(organization):
    before = Organization.objects.get().version

    Organization.objects.update(metadata={"a": 1})
    Organization.objects.update(version=1)

    assert Organization.objects.get().version == before + 2


def test_names_itself(organization, olivia):
    member = OrganizationMember.objects.get(user=olivia)

    assert str(organization) == "Olivia's organization"
    assert str(member) == "olivia@example.com as Owner in Olivia's organization"
    assert organization.email == "olivia@example.com"
    assert not OrganizationMember.objects.filter(user=UserFactory.create()).exists()
