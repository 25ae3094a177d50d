"""What keys and service keys share when a secret is kept or replaced: digests are stored, old ones get an end."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet

from apikeys import secrets
from apikeys.models import ApiKey, Secret, ServiceKey
from apikeys.restrictions import EnvironmentName
from apikeys.secrets import MintedSecret

MAX_OVERLAP_SECONDS = 30 * 24 * 3600
RETENTION = timedelta(days=30)


def mint(environment: str | None) -> MintedSecret:
    """Return a new secret: a customer's for an environment, a service key's without one."""
    if environment is None:
        return secrets.mint_service_key(brand=settings.KEY_BRAND)
    return secrets.mint_key(EnvironmentName(environment), brand=settings.KEY_BRAND)


def keep(
    minted: MintedSecret, *, api_key: ApiKey | None = None, service_key: ServiceKey | None = None
) -> None:
    """Store the digest of a key's new secret; the database allows one without an end per key."""
    pepper = secrets.parse_peppers(settings.KEY_PEPPERS)[0]
    Secret.objects.create(
        api_key=api_key,
        service_key=service_key,
        digest=secrets.digest(minted.text, pepper),
        pepper_version=pepper.version,
        prefix=minted.prefix,
        last4=minted.last4,
    )


def retire(key: ApiKey | ServiceKey, *, at: datetime, overlap_seconds: int) -> None:
    """Let each present secret of the key work for the overlap at most.

    None outlives the key's own expiry, nor the end that an earlier rotation set for it.
    """
    ends_at = at + timedelta(seconds=overlap_seconds)
    if key.expires_at is not None:
        ends_at = min(ends_at, key.expires_at)
    present: QuerySet[Secret] = key.secrets.all()
    present.filter(expires_at__gt=ends_at).update(expires_at=ends_at)
    present.filter(expires_at=None).update(expires_at=ends_at)


def prune_secrets(*, at: datetime) -> int:
    """Delete digests that stopped working 30 days ago and return how many there were; revoked keys keep their last."""
    return Secret.objects.filter(expires_at__lt=at - RETENTION).delete()[0]
