"""State of customers: organizations and who belongs to them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from config.common.models import TimeStamped, Versioned
from organizations.roles import RoleName


class Role(models.TextChoices):
    """What a member is in an organization; what each may do is in `organizations.roles`."""

    OWNER = RoleName.OWNER, "Owner"
    ADMIN = RoleName.ADMIN, "Admin"
    MEMBER = RoleName.MEMBER, "Member"
    VIEWER = RoleName.VIEWER, "Viewer"


class OrganizationStatus(models.TextChoices):
    """Whether an organization's calls may pass."""

    ACTIVE = "ACTIVE", "Active"
    SUSPENDED = "SUSPENDED", "Suspended"


class Organization(TimeStamped, Versioned):
    """A customer: the owner of keys, limits and invoices.

    Null overrides leave the plan's limits in force; a null seat limit means any number of members. Deferred triggers
    insist that every organization has an OWNER when a transaction commits.
    """

    name = models.CharField(max_length=120)
    slug = models.SlugField(max_length=140, unique=True)
    status = models.CharField(
        max_length=9, choices=OrganizationStatus, default=OrganizationStatus.ACTIVE
    )
    personal_of = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="personal_organization",
    )
    billing_name = models.CharField(max_length=200, blank=True)
    billing_email = models.EmailField(blank=True)
    billing_address = models.JSONField(default=dict, blank=True)
    tax_id = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3, default="USD")
    seat_limit = models.PositiveIntegerField(null=True, blank=True, default=3)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    rate_per_seconds = models.PositiveIntegerField(null=True, blank=True)
    rate_burst = models.PositiveIntegerField(null=True, blank=True)
    quota_limit = models.PositiveBigIntegerField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="organization_name_given", condition=~Q(name="")),
            models.CheckConstraint(
                name="organization_status_known", condition=Q(status__in=OrganizationStatus.values)
            ),
            models.CheckConstraint(
                name="organization_currency_code", condition=Q(currency__regex=r"^[A-Z]{3}$")
            ),
            models.CheckConstraint(
                name="organization_rate_complete",
                condition=Q(
                    rate_limit__isnull=True, rate_per_seconds__isnull=True, rate_burst__isnull=True
                )
                # NULL > 0 is unknown, which a CHECK accepts: hence the parts that say it is given.
                | Q(
                    rate_limit__isnull=False,
                    rate_per_seconds__isnull=False,
                    rate_burst__isnull=False,
                    rate_limit__gt=0,
                    rate_per_seconds__gt=0,
                    rate_burst__gt=0,
                ),
            ),
        ]
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="organization_by_created_at")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def email(self) -> str:
        """Where bills go; the name is the one dj-stripe expects of a subscriber."""
        return self.billing_email


class OrganizationMember(TimeStamped):
    """A person's place in an organization; `selected_at` is when they last chose to work in it."""

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=6, choices=Role)
    selected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="member_unique", fields=["organization", "user"]),
            models.CheckConstraint(name="member_role_known", condition=Q(role__in=Role.values)),
        ]
        indexes = [
            models.Index(fields=["user", "organization"], name="member_by_user"),
            models.Index(
                F("organization"),
                F("created_at").desc(),
                F("id").desc(),
                name="member_by_organization_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} as {self.role} in {self.organization_id}"
