"""The product as clients see it: one web process, and a caller of each kind."""

from dataclasses import dataclass

import httpx
import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import PlatformRole, User
from accounts.services import sessions
from organizations.services import members
from tests.doubles.fixtures import house, stack
from tests.doubles.house import House
from tests.doubles.stack import Gate, Stack
from tests.factories.accounts import UserFactory

__all__ = ["house", "stack"]


@dataclass(frozen=True)
class Callers:
    """Where the product is, and what each kind of caller presents."""

    url: str
    headers: dict[str, dict[str, str]]


@pytest.fixture(scope="module")
def web(stack: Stack) -> Gate:
    """One web process that does not mind haste."""
    # It takes the tokens of this process, whose issuer it must be.
    return stack.gate(
        PUBLIC_URL=settings.PUBLIC_URL,
        API_RATE_PERSON="1000000",
        API_RATE_ORGANIZATION="1000000",
    )


@pytest.fixture(scope="module")
def callers(house: House, web: Gate) -> Callers:
    """Return the callers, signed in for real."""
    member = UserFactory.create(email="contract-member@example.com")
    members.add_member(organization=house.organization, user=member, role="MEMBER")
    staff = UserFactory.create(email="contract-staff@example.com", role=PlatformRole.SUPER_ADMIN)
    key = house.key(scopes=["tollgate:*"])
    headers = {
        "anonymous": {},
        "member": bearer(member),
        "owner": bearer(house.owner),
        "staff": bearer(staff),
        "key": key.headers,
    }
    answer = httpx.get(f"{web.url}/api/v1/users/me", headers=headers["owner"], timeout=60)
    assert answer.status_code == 200, answer.text
    connection.close()
    return Callers(web.url, headers)


def bearer(person: User) -> dict[str, str]:
    """Return the header of somebody who has just signed in, with a second factor if they are staff."""
    pair = sessions.start(user=person, at=timezone.now())
    if person.is_staff:
        person.sessions.update(second_factor_at=timezone.now())
    return {"Authorization": f"Bearer {pair.access}"}
