"""The secrets of endpoints: minted, kept encrypted, retired with an overlap, read when a delivery is signed."""

from datetime import datetime, timedelta

from config.common import crypto
from webhooks import signing
from webhooks.models import Signature, Webhook, WebhookSecret
from webhooks.models.endpoints import SECRET

MAX_OVERLAP_SECONDS = 7 * 24 * 3600
DEFAULT_OVERLAP_SECONDS = 24 * 3600
MAX_OLD_SECRETS = 10


def mint(webhook: Webhook) -> str:
    """Give the endpoint a new current secret and return what its owner is shown: the secret, or the public key."""
    if webhook.signature == Signature.ED25519:
        secret, public_key = signing.new_private_key()
        shown = signing.shown_public_key(public_key)
    else:
        secret, public_key = signing.new_shared_secret(), ""
        shown = secret
    WebhookSecret.objects.create(
        webhook=webhook,
        secret_encrypted=crypto.encrypt(secret, purpose=SECRET),
        public_key=public_key,
    )
    return shown


def retire(webhook: Webhook, *, at: datetime, overlap_seconds: int) -> None:
    """Let each present secret sign for the overlap at most; of the old ones, ten at most are left."""
    ends_at = at + timedelta(seconds=overlap_seconds)
    webhook.secrets.filter(expires_at__lte=at).delete()
    webhook.secrets.filter(expires_at__gt=ends_at).update(expires_at=ends_at)
    webhook.secrets.filter(expires_at=None).update(expires_at=ends_at)
    old = webhook.secrets.order_by("-id").values_list("pk", flat=True)
    webhook.secrets.filter(pk__in=list(old[MAX_OLD_SECRETS:])).delete()


def in_force(webhook_ids: list[int], *, at: datetime) -> dict[int, list[str]]:
    """Return what signs for each endpoint now, the newest first."""
    found: dict[int, list[str]] = {webhook_id: [] for webhook_id in webhook_ids}
    rows = WebhookSecret.objects.filter(webhook_id__in=webhook_ids).order_by("-id")
    for row in rows:
        if row.expires_at is None or row.expires_at > at:
            found[row.webhook_id].append(crypto.decrypt(row.secret_encrypted, purpose=SECRET))
    return found


def prune(*, at: datetime) -> int:
    """Delete secrets whose overlap has ended and return how many there were."""
    return WebhookSecret.objects.filter(expires_at__lte=at).delete()[0]
