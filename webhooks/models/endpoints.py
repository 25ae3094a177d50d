"""State of endpoints: where an organization wants to be told what, how it is signed, and how the endpoint fares."""

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from config.common.columns import EncryptedTextField
from config.common.models import TimeStamped
from organizations.models import Organization

HEADERS = "webhook.headers"
SECRET = "webhook.secret"  # noqa: S105  (what the encryption is for, no secret)


class Kind(models.TextChoices):
    """In whose form events are sent."""

    STANDARD = "standard", "Standard Webhooks"
    SLACK = "slack", "Slack"
    DISCORD = "discord", "Discord"
    TEAMS = "teams", "Microsoft Teams"


class Signature(models.TextChoices):
    """How deliveries are signed."""

    SYMMETRIC = "symmetric", "HMAC-SHA256 with a shared secret (v1)"
    ED25519 = "ed25519", "Ed25519 with our private key (v1a)"


class DisabledReason(models.TextChoices):
    """Why an endpoint gets nothing at present."""

    NONE = "", "Enabled"
    CUSTOMER = "customer", "Switched off by the organization"
    STAFF = "staff", "Switched off by staff"
    GONE = "gone", "It answered 410 Gone"
    FAILING = "failing", "It failed for five days without one success"
    CLOSED = "closed", "The organization was closed"


class Webhook(TimeStamped):
    """An endpoint of an organization. Its secrets are rows of their own; custom headers are encrypted, their names not.

    `failing_since` is the first failure after the last success. The circuit is open until `circuit_open_until`; after
    that one delivery is tried, and the endpoint gets the others only if that one succeeds.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhooks", db_index=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    url = models.CharField(max_length=2048)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.STANDARD)
    signature = models.CharField(max_length=9, choices=Signature, default=Signature.SYMMETRIC)
    description = models.CharField(max_length=500, blank=True)
    event_types = ArrayField(models.CharField(max_length=80), default=list)
    filters = models.JSONField(default=list, blank=True)
    ordering_path = models.CharField(max_length=200, blank=True)
    concurrency = models.PositiveSmallIntegerField(default=5)
    header_names = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    headers_encrypted = EncryptedTextField(purpose=HEADERS, blank=True, default="")
    disabled_at = models.DateTimeField(null=True, blank=True)
    disabled_reason = models.CharField(
        max_length=8, choices=DisabledReason, default=DisabledReason.NONE, blank=True
    )
    failing_since = models.DateTimeField(null=True, blank=True)
    failures_in_a_row = models.PositiveIntegerField(default=0)
    noticed_percent = models.PositiveSmallIntegerField(default=0)
    circuit_open_until = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="webhook_url_given", condition=~Q(url="")),
            models.CheckConstraint(name="webhook_kind_known", condition=Q(kind__in=Kind.values)),
            models.CheckConstraint(
                name="webhook_signature_known", condition=Q(signature__in=Signature.values)
            ),
            models.CheckConstraint(
                name="webhook_event_types_given", condition=Q(event_types__len__gt=0)
            ),
            models.CheckConstraint(
                name="webhook_concurrency_bounded",
                condition=Q(concurrency__gte=1, concurrency__lte=10),
            ),
            models.CheckConstraint(
                name="webhook_disabled_with_reason",
                condition=Q(disabled_at=None, disabled_reason="")
                | (
                    Q(disabled_at__isnull=False)
                    & Q(disabled_reason__in=[*DisabledReason.values[1:]])
                ),
            ),
            models.CheckConstraint(
                name="webhook_notices_known", condition=Q(noticed_percent__in=[0, 50, 90, 100])
            ),
        ]
        indexes = [
            models.Index(
                "organization",
                F("created_at").desc(),
                F("id").desc(),
                name="webhook_by_organization_at",
            ),
            models.Index(
                fields=["circuit_open_until"],
                name="webhook_circuit_open",
                condition=Q(circuit_open_until__isnull=False),
            ),
            models.Index(
                fields=["failing_since"],
                name="webhook_failing",
                condition=Q(failing_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.told_url} ({self.pk})"

    @property
    def told_url(self) -> str:
        """The URL as it is told in events, mails and the audit log.

        A query may hold a credential, and of a chat program's URL the path is one: whoever knows it posts there.
        """
        parts = urlsplit(self.url)
        place = f"{parts.scheme}://{parts.netloc}"
        if self.kind != Kind.STANDARD:
            return f"{place}/…"
        return f"{place}{parts.path}?…" if parts.query else f"{place}{parts.path}"

    @property
    def is_enabled(self) -> bool:
        """Whether the endpoint is told of events."""
        return self.disabled_at is None

    @property
    def status(self) -> str:
        """One word for lists and badges: enabled, failing or disabled."""
        if self.disabled_at is not None:
            return "disabled"
        return "enabled" if self.failing_since is None else "failing"


class WebhookSecret(models.Model):
    """What an endpoint's deliveries are signed with, encrypted. Exactly one has no end; older ones sign until theirs.

    `public_key` is the base64 of the raw Ed25519 key, of secrets of that kind only.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="secrets")
    secret_encrypted = EncryptedTextField(purpose=SECRET)
    public_key = models.CharField(max_length=44, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="webhooksecret_one_current",
                fields=["webhook"],
                condition=Q(expires_at__isnull=True),
            ),
            models.CheckConstraint(name="webhooksecret_kept", condition=~Q(secret_encrypted="")),
        ]

    def __str__(self) -> str:
        return f"secret {self.pk} of webhook {self.webhook_id}"
