"""State of the credentials, of the APIs they open, and of what was used. Rules the database can hold are constraints."""

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from apikeys.restrictions import EnvironmentName, Mode, QuotaPeriod, Refill, UnknownRoutePolicy
from config.common.models import RATE_IS_COMPLETE, TimeStamped, Versioned, rate_is_complete
from organizations.models import Organization


class Environment(models.TextChoices):
    """Which of the seller's worlds a key opens."""

    LIVE = EnvironmentName.LIVE, "Live"
    TEST = EnvironmentName.TEST, "Test"


class QuotaPeriods(models.TextChoices):
    """After which time a quota starts afresh."""

    DAY = QuotaPeriod.DAY, "Day"
    WEEK = QuotaPeriod.WEEK, "Week"
    MONTH = QuotaPeriod.MONTH, "Month"
    BILLING = QuotaPeriod.BILLING, "Billing period"


class Refills(models.TextChoices):
    """How often a key's credits are filled up again."""

    NONE = Refill.NONE, "Never"
    DAILY = Refill.DAILY, "Daily"
    MONTHLY = Refill.MONTHLY, "Monthly"


class Modes(models.TextChoices):
    """What a recorded call survives; see `apikeys.restrictions.Mode`."""

    STRICT = Mode.STRICT, "Strict"
    LEASED = Mode.LEASED, "Leased"


class UnknownRoutePolicies(models.TextChoices):
    """What happens to a call that no route rule of its API describes."""

    ALLOW = UnknownRoutePolicy.ALLOW, "Allow by the API's default rule"
    DENY = UnknownRoutePolicy.DENY, "Deny"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Chainable filters over keys."""

    def of(self, organization: Organization) -> "ApiKeyQuerySet":
        """Keep the keys of one organization."""
        return self.filter(organization=organization)

    def unrevoked(self) -> "ApiKeyQuerySet":
        """Keep the keys that were not revoked."""
        return self.filter(revoked_at__isnull=True)


ApiKeyManager = models.Manager.from_queryset(ApiKeyQuerySet)


class ApiKey(TimeStamped, Versioned):
    """A customer's credential. Its secrets live as digests in `Secret`; prefix and last4 show the current one."""

    # What the security policy allows, as far as whoever asked for the row asked for it too; see `selectors.keys`.
    greatest_age_days: int | None = None

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="api_keys"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="api_keys"
    )
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=500, blank=True)
    environment = models.CharField(max_length=4, choices=Environment)
    prefix = models.CharField(max_length=32)
    last4 = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    ip_allowlist = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    allowed_origins = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    rate_per_seconds = models.PositiveIntegerField(null=True, blank=True)
    rate_burst = models.PositiveIntegerField(null=True, blank=True)
    quota_limit = models.PositiveBigIntegerField(null=True, blank=True)
    quota_period = models.CharField(max_length=8, choices=QuotaPeriods, blank=True)
    credits_micro = models.PositiveBigIntegerField(null=True, blank=True)
    credits_refill = models.CharField(max_length=8, choices=Refills, default=Refills.NONE)
    credits_since = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="From when on calls are paid out of credits that are never filled up; empty: all there were.",
    )
    metadata = models.JSONField(default=dict, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    disabled_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    outdated_told_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text="When the owners were told that it is older than the security policy allows.",
    )

    objects = ApiKeyManager()

    class Meta:
        verbose_name = "API key"
        constraints = [
            models.CheckConstraint(name="apikey_rate_complete", condition=RATE_IS_COMPLETE),
            models.CheckConstraint(
                name="apikey_quota_complete",
                condition=Q(quota_limit__isnull=True, quota_period="")
                | (Q(quota_limit__isnull=False) & ~Q(quota_period="")),
            ),
            models.CheckConstraint(name="apikey_name_given", condition=~Q(name="")),
        ]
        indexes = [
            models.Index(
                "organization",
                F("created_at").desc(),
                F("id").desc(),
                name="apikey_by_organization_at",
            ),
            models.Index(fields=["organization", "name", "id"], name="apikey_by_organization_name"),
            models.Index(fields=["organization", "external_id"], name="apikey_by_external_id"),
            models.Index(fields=["last4"], name="apikey_by_last4"),
            models.Index(
                fields=["expires_at"], name="apikey_expiring", condition=Q(revoked_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    @property
    def status(self) -> str:
        """One word for lists and badges: active, disabled, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= timezone.now():
            return "expired"
        return "active" if self.disabled_at is None else "disabled"

    @property
    def is_usable(self) -> bool:
        """Whether the key as such may pass; limits and restrictions come after it."""
        return self.status == "active"

    @property
    def is_outdated(self) -> bool:
        """Whether a key that works, or is only switched off, is older than the security policy allows."""
        if self.greatest_age_days is None or self.status in ("revoked", "expired"):
            return False
        return self.created_at + timedelta(days=self.greatest_age_days) <= timezone.now()


class ServiceKey(TimeStamped, Versioned):
    """A platform credential of a gateway or of the seller's backend. Only digests of its secrets are stored."""

    name = models.CharField(max_length=80, unique=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="service_keys"
    )
    prefix = models.CharField(max_length=32)
    last4 = models.CharField(max_length=4)
    scopes = ArrayField(models.CharField(max_length=100), default=list)
    ip_allowlist = ArrayField(models.CharField(max_length=43), default=list, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "service key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…{self.last4})"

    @property
    def is_usable(self) -> bool:
        """Whether the key may be presented now."""
        return self.revoked_at is None and (
            self.expires_at is None or self.expires_at > timezone.now()
        )


class Secret(models.Model):
    """One secret of one key: an HMAC digest, never the secret. A rotated secret lives on until `expires_at`."""

    digest = models.BinaryField(max_length=32, unique=True)
    pepper_version = models.PositiveSmallIntegerField()
    api_key = models.ForeignKey(
        ApiKey, on_delete=models.CASCADE, null=True, blank=True, related_name="secrets"
    )
    service_key = models.ForeignKey(
        ServiceKey, on_delete=models.CASCADE, null=True, blank=True, related_name="secrets"
    )
    prefix = models.CharField(max_length=32)
    last4 = models.CharField(max_length=4)
    expires_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="secret_has_one_key",
                condition=Q(api_key__isnull=False, service_key__isnull=True)
                | Q(api_key__isnull=True, service_key__isnull=False),
            ),
            models.UniqueConstraint(
                name="secret_one_current_per_api_key",
                fields=["api_key"],
                condition=Q(expires_at__isnull=True),
            ),
            models.UniqueConstraint(
                name="secret_one_current_per_service_key",
                fields=["service_key"],
                condition=Q(expires_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}…{self.last4}"


class Api(TimeStamped, Versioned):
    """An API that the seller offers behind the gate, with the rule for calls that no route rule describes."""

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(unique=True)
    hosts = ArrayField(models.CharField(max_length=253), default=list, blank=True)
    base_path = models.CharField(max_length=200, default="/")
    upstream_note = models.CharField(max_length=500, blank=True)
    unknown_route_policy = models.CharField(
        max_length=5, choices=UnknownRoutePolicies, default=UnknownRoutePolicies.ALLOW
    )
    default_scope = models.CharField(max_length=200, blank=True)
    default_cost = models.PositiveIntegerField(default=1)
    default_meter = models.CharField(max_length=60, default="calls")
    default_rate_limit = models.PositiveIntegerField(null=True, blank=True)
    default_rate_per_seconds = models.PositiveIntegerField(null=True, blank=True)
    default_rate_burst = models.PositiveIntegerField(null=True, blank=True)
    default_counted_statuses = ArrayField(
        models.CharField(max_length=3), default=list, db_default=[], blank=True
    )
    mode = models.CharField(max_length=6, choices=Modes, default=Modes.STRICT)
    sends_assertion = models.BooleanField(default=False)
    disabled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "API"
        verbose_name_plural = "APIs"
        constraints = [
            models.CheckConstraint(
                name="api_base_path_absolute", condition=Q(base_path__startswith="/")
            ),
            models.CheckConstraint(
                name="api_default_rate_complete", condition=rate_is_complete("default_")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RouteRule(TimeStamped):
    """What calls of one method and path pattern need and cost. The most specific rule of an API applies."""

    api = models.ForeignKey(Api, on_delete=models.CASCADE, related_name="rules")
    methods = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    path_pattern = models.CharField(max_length=200)
    required_scope = models.CharField(max_length=200, blank=True)
    cost = models.PositiveIntegerField(default=1)
    meter = models.CharField(max_length=60, default="calls")
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    rate_per_seconds = models.PositiveIntegerField(null=True, blank=True)
    rate_burst = models.PositiveIntegerField(null=True, blank=True)
    mode = models.CharField(max_length=6, choices=Modes, blank=True)
    counted_statuses = ArrayField(models.CharField(max_length=3), default=list, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="routerule_unique", fields=["api", "methods", "path_pattern"]
            ),
            models.CheckConstraint(
                name="routerule_path_absolute", condition=Q(path_pattern__startswith="/")
            ),
            models.CheckConstraint(name="routerule_rate_complete", condition=RATE_IS_COMPLETE),
        ]

    def __str__(self) -> str:
        return f"{','.join(self.methods) or 'ANY'} {self.path_pattern}"


class KeyUsage(models.Model):
    """Units that one key used in one hour: the lasting truth behind quota counters, written by ingestion."""

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE, related_name="usage")
    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="+")
    hour = models.DateTimeField()
    calls = models.BigIntegerField(default=0)
    units = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="keyusage_unique", fields=["api_key", "hour"]),
        ]
        indexes = [
            models.Index(
                fields=["organization", "hour"], name="keyusage_by_organization", include=["units"]
            ),
        ]

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.hour:%Y-%m-%d %H}h: {self.units}"


class ReturnedUnits(models.Model):
    """Units by which Redis's counters are to be lowered: of calls that turned out not to count. Gone once that is done."""

    counters = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"batch {self.pk}"


class KeyActivity(models.Model):
    """When, from where and by what a key was first and last used; refreshed by ingestion."""

    api_key = models.OneToOneField(
        ApiKey, on_delete=models.CASCADE, primary_key=True, related_name="activity"
    )
    first_used_at = models.DateTimeField()
    last_used_at = models.DateTimeField()
    last_ip = models.GenericIPAddressField(null=True)
    last_user_agent = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name_plural = "key activity"

    def __str__(self) -> str:
        return f"{self.api_key_id} last used {self.last_used_at:%Y-%m-%d %H:%M}"
