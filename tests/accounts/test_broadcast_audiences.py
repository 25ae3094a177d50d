"""Whom a broadcast reaches: the preview says it, and the same people are told."""

import pytest

from accounts.models import Broadcast, Notice, User
from accounts.services.broadcasts import NobodyToTell
from accounts.tasks import broadcast as broadcast_job
from billing.services import subscriptions
from tests.accounts.staffing import staff_client
from tests.accounts.telling import BODY, URL, sent_to, started
from tests.factories.organizations import MemberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(sam):
    return staff_client(sam)


def test_nobody_is_no_audience(olivia):
    with pytest.raises(NobodyToTell):
        started(roles=["VIEWER"])

    assert not Broadcast.objects.exists()


@pytest.fixture
def crowd(organization, foreign_organization, olivia, mia, stan, sam):
    """Olivia owns an organization on PRO where Mia works; Stan owns one on FREE, where Mia is an admin."""
    subscriptions.change_plan(organization=organization, plan_code="PRO")
    MemberFactory.create(organization=foreign_organization, user=mia, role="ADMIN")
    User.objects.filter(pk=stan.pk).update(email_verified_at=None)


@pytest.mark.parametrize(
    ("audience", "names"),
    [
        ({}, "mia olivia sam stan"),
        ({"roles": []}, "mia olivia sam stan"),
        ({"roles": ["SUPER_ADMIN"]}, "sam"),
        ({"organization_roles": ["OWNER"]}, "olivia stan"),
        ({"organization_roles": ["OWNER", "ADMIN"]}, "mia olivia stan"),
        ({"plans": ["PRO"]}, "mia olivia"),
        ({"plans": ["FREE"]}, "mia stan"),
        ({"plans": ["PRO"], "organization_roles": ["ADMIN"]}, ""),
        ({"plans": ["FREE"], "organization_roles": ["ADMIN"]}, "mia"),
        ({"verified": True}, "mia olivia sam"),
        ({"verified": False}, "stan"),
        ({"verified": None, "plans": ["FREE"]}, "mia stan"),
        ({"verified": True, "organization_roles": ["OWNER"]}, "olivia"),
    ],
    ids=str,
)
def test_previews_and_reaches_the_same_people(staff, crowd, audience, names):
    expected = names.split()

    preview = staff.post(f"{URL}/preview", {"audience": audience}).json()
    response = staff.post(URL, {**BODY, "audience": audience})

    assert preview["people"] == len(expected)
    assert preview["by_mail"] == len([name for name in expected if name != "stan"])
    assert response.status_code == (202 if expected else 409)
    if expected:
        broadcast_job(response.json()["id"])
    told = Notice.objects.values_list("user__email", flat=True)
    assert sorted(email.partition("@")[0] for email in told) == expected


def test_the_preview_says_it_in_words_and_tells_nobody(staff, crowd):
    audience = {"plans": ["PRO", "FREE"], "organization_roles": ["OWNER"], "verified": True}

    preview = staff.post(f"{URL}/preview", {"audience": audience}).json()

    assert preview["description"] == (
        "role in an organization: Owner; plan of an organization: Free or Pro; verified addresses"
    )
    assert not Notice.objects.exists()
    assert not Broadcast.objects.exists()
    assert sent_to() == []


@pytest.mark.parametrize(
    ("audience", "pointer"),
    [
        ({"plans": ["PRO", "GOLD"]}, "#/audience/plans/1"),
        ({"organization_roles": ["KING"]}, "#/audience/organization_roles/0"),
        ({"roles": ["KING"]}, "#/audience/roles/0"),
        ({"country": ["FR"]}, "#/audience/country"),
        ({"verified": "yes"}, "#/audience/verified"),
        ({"roles": "ADMIN"}, "#/audience/roles"),
    ],
    ids=str,
)
def test_refuses_an_audience_that_is_none(staff, olivia, audience, pointer):
    for path, body in ((URL, BODY), (f"{URL}/preview", {})):
        response = staff.post(path, {**body, "audience": audience})

        assert response.status_code == 400
        assert response.json()["errors"][0]["pointer"] == pointer
    assert not Broadcast.objects.exists()
