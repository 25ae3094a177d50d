"""State of what a customer has agreed to: the plan's allowance and the subscription that names it."""

from django.db import models
from django.db.models import Q

from config.common.models import TimeStamped, Versioned
from organizations.models import Organization

CODE_PATTERN = r"^[A-Z][A-Z0-9_]*$"


class Plan(TimeStamped, Versioned):
    """What a subscription allows. The rate is the default of each key, the quota is shared by the organization."""

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField()
    is_public = models.BooleanField(default=True)
    rate_limit = models.PositiveIntegerField()
    rate_per_seconds = models.PositiveIntegerField(default=1)
    rate_burst = models.PositiveIntegerField()
    rate_ceiling = models.PositiveIntegerField(
        null=True, blank=True, help_text="Calls per second that one key may be given; empty: any."
    )
    quota_limit = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="Units per billing period; empty: no quota."
    )
    key_limit = models.PositiveIntegerField(null=True, blank=True)
    seat_limit = models.PositiveIntegerField(null=True, blank=True)
    audit_retention_days = models.PositiveIntegerField(
        default=365, help_text="How many days back members see the audit log."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="plan_rate_positive",
                condition=Q(rate_limit__gt=0, rate_per_seconds__gt=0, rate_burst__gt=0),
            ),
            models.CheckConstraint(
                name="plan_seats_positive", condition=Q(seat_limit=None) | Q(seat_limit__gt=0)
            ),
            models.CheckConstraint(
                name="plan_audit_retention", condition=Q(audit_retention_days__gt=0)
            ),
            models.CheckConstraint(name="plan_code_upper", condition=Q(code__regex=CODE_PATTERN)),
        ]

    def __str__(self) -> str:
        return self.name


class SubscriptionStatus(models.TextChoices):
    """Where a subscription stands."""

    ACTIVE = "ACTIVE", "Active"
    CANCELED = "CANCELED", "Canceled"


class Subscription(TimeStamped, Versioned):
    """An organization's agreement to one plan. At most one is active; periods are counted from `anchor_at`."""

    organization = models.ForeignKey(
        Organization, on_delete=models.PROTECT, related_name="subscriptions"
    )
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="subscriptions")
    status = models.CharField(
        max_length=8, choices=SubscriptionStatus, default=SubscriptionStatus.ACTIVE
    )
    anchor_at = models.DateTimeField()
    canceled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="subscription_one_active",
                fields=["organization"],
                condition=Q(status="ACTIVE"),
            ),
            models.CheckConstraint(
                name="subscription_status_known", condition=Q(status__in=SubscriptionStatus.values)
            ),
            models.CheckConstraint(
                name="subscription_canceled_at_kept",
                condition=Q(status="ACTIVE", canceled_at=None)
                | Q(status="CANCELED", canceled_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} on {self.plan_id}"
