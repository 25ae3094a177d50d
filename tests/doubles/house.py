"""A customer with keys and an API with rules, committed for real, so that other processes see them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from accounts.models import User
from accounts.services import registration
from apikeys.models import Api, ApiKey
from apikeys.services import apis, keys
from billing.services import subscriptions
from organizations.models import Organization

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
def open_house(renew: Callable[[], None], **api_settings: Any) -> Iterator[House]:
    """Furnish this process's database; before and in the end, `renew` makes it as it was when nobody lived there."""
    renew()
    api = apis.create_api(
        settings={"name": "Demo", "slug": SLUG, **api_settings},  # type: ignore[typeddict-item]
        by=None,
        at=timezone.now(),
    )
    try:
        yield _customer("olivia", api)
    finally:
        renew()


def _customer(name: str, api: Api) -> House:
    owner = registration.open_account(
        email=f"{name}@house.test", password="four unrelated words here", full_name=name.title()
    )
    organization = Organization.objects.get(members__user=owner)
    subscriptions.change_plan(organization=organization, plan_code="ENTERPRISE")
    return House(owner, organization, api)
