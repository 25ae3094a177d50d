"""The furnished world of the API tests."""

from datetime import timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import EmailToken, User
from accounts.services import sessions
from config.common import crypto
from organizations.models import Organization
from tests.api.world import World
from tests.clients import ApiAs
from tests.factories.accounts import PASSWORD
from tests.factories.apikeys import ApiKeyFactory

VERIFY_TOKEN = "t" * 43


@pytest.fixture
def world(
    api: APIClient,
    api_as: ApiAs,
    organization: Organization,
    foreign_organization: Organization,
    olivia: User,
    adam: User,
    mia: User,
    vera: User,
    stan: User,
) -> World:
    """Return two furnished organizations and a client of each caller."""
    people = {"owner": olivia, "admin": adam, "member": mia, "viewer": vera, "stranger": stan}
    clients = {name: api_as(person) for name, person in people.items()}
    pair = sessions.start(user=olivia, at=timezone.now())
    EmailToken.objects.create(
        user=olivia,
        purpose=EmailToken.Purpose.VERIFY_EMAIL,
        digest=crypto.digest(VERIFY_TOKEN),
        email=olivia.email,
        expires_at=timezone.now() + timedelta(hours=1),
    )
    return World(
        mine=organization,
        foreign=foreign_organization,
        key=ApiKeyFactory.create(organization=organization, created_by=olivia),
        foreign_key=ApiKeyFactory.create(organization=foreign_organization, created_by=stan),
        people=people,
        clients={"anonymous": api, **clients},
        refresh=pair.refresh,
        session_id=olivia.sessions.latest("pk").pk,
        foreign_session_id=stan.sessions.latest("pk").pk,
        values={
            "refresh": pair.refresh,
            "email": olivia.email,
            "password": PASSWORD,
            "verify_token": VERIFY_TOKEN,
            "user_id": mia.pk,
        },
    )
