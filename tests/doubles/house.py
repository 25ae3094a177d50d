"""A customer with keys and an API with rules, committed for real, so that other processes see them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.db import connections
from django.utils import timezone

from accounts.models import User
from accounts.services import registration
from apikeys.models import Api, ApiKey
from apikeys.services import apis, keys
from billing.services import subscriptions
from organizations.models import Organization
from tests import servers

SLUG = "demo"
OPEN_RATE = {"rate_limit": 100_000, "rate_per_seconds": 1, "rate_burst": 100_000}


@dataclass(frozen=True)
class Issued:
    """A key and its secret."""

    row: ApiKey
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        """How a client presents it."""
        return {"Authorization": f"Bearer {self.secret}"}


@dataclass
class House:
    """One customer on the largest plan, and the API it calls."""

    owner: User
    organization: Organization
    api: Api

    def key(self, **settings: Any) -> Issued:
        """Issue a key: generous unless the settings say otherwise."""
        chosen = {"name": "A key", "environment": "live", "scopes": ["orders:read"], **OPEN_RATE}
        row, secret = keys.create_key(
            organization=self.organization,
            created_by=self.owner,
            settings={**chosen, **settings},  # type: ignore[typeddict-item]
            at=timezone.now(),
        )
        return Issued(row, secret)

    def rule(self, path_pattern: str, **settings: Any) -> None:
        """Describe calls of one path."""
        apis.create_rule(
            api=self.api,
            settings={"path_pattern": path_pattern, **settings},  # type: ignore[typeddict-item]
            by=None,
        )

    def another(self, name: str) -> "House":
        """Return the house of another customer of the same API."""
        return _customer(name, self.api)


@contextmanager
def open_house(**api_settings: Any) -> Iterator[House]:
    """Furnish this process's database; in the end it is as it was before anybody moved in."""
    fresh_database()
    api = apis.create_api(
        settings={"name": "Demo", "slug": SLUG, **api_settings},  # type: ignore[typeddict-item]
        by=None,
        at=timezone.now(),
    )
    try:
        yield _customer("olivia", api)
    finally:
        fresh_database()


def fresh_database() -> None:
    """Clone the session's template into this worker's database; whoever is connected is cut off."""
    connections.close_all()
    servers.Databases(
        server_url=os.environ["TEST_DATABASE_SERVER"],
        template=_TEMPLATE,
        name=urlsplit(os.environ["DATABASE_URL"]).path.lstrip("/"),
    ).clone()


# Taken when the session starts: a migration that is edited meanwhile must not change the template's name.
_TEMPLATE = f"template_tollgate_{servers._schema_hash()}"


def _customer(name: str, api: Api) -> House:
    owner = registration.open_account(
        email=f"{name}@house.test", password="four unrelated words here", full_name=name.title()
    )
    organization = Organization.objects.get(memberships__user=owner)
    subscriptions.change_plan(organization=organization, plan_code="ENTERPRISE")
    return House(owner, organization, api)
