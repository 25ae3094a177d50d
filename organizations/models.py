"""State of customers: organizations, who belongs to them, who is invited, and what each may do."""

from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from guardian.models.models import UserObjectPermissionAbstract

from config.common.models import RATE_IS_COMPLETE, TimeStamped, Versioned
from organizations.roles import Permission, RoleName, codename_of, known


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
    CLOSED = "CLOSED", "Closed"


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
    # Remains whoever owns it now: opening is limited by person. The index below serves it.
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        db_index=False,
        related_name="+",
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
    closed_at = models.DateTimeField(null=True, blank=True)
    requires_two_factor = models.BooleanField(default=False)
    max_key_age_days = models.PositiveIntegerField(null=True, blank=True)
    allowed_scopes = ArrayField(models.CharField(max_length=100), default=list, blank=True)
    console_networks = ArrayField(models.CharField(max_length=43), default=list, blank=True)

    class Meta:
        # What can be granted on an organization as a whole; `organizations.roles` has what each one means.
        permissions = [(codename_of(permission), permission.value) for permission in Permission]
        constraints = [
            models.CheckConstraint(name="organization_name_given", condition=~Q(name="")),
            models.CheckConstraint(
                name="organization_status_known", condition=Q(status__in=OrganizationStatus.values)
            ),
            models.CheckConstraint(
                name="organization_currency_code", condition=Q(currency__regex=r"^[A-Z]{3}$")
            ),
            models.CheckConstraint(
                name="organization_closed_complete",
                condition=Q(status=OrganizationStatus.CLOSED, closed_at__isnull=False)
                | (~Q(status=OrganizationStatus.CLOSED) & Q(closed_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="organization_key_age_positive",
                condition=Q(max_key_age_days__isnull=True) | Q(max_key_age_days__gt=0),
            ),
            models.CheckConstraint(name="organization_rate_complete", condition=RATE_IS_COMPLETE),
        ]
        indexes = [
            models.Index(F("created_at").desc(), F("id").desc(), name="organization_by_created_at"),
            models.Index(fields=["opened_by", "created_at"], name="organization_by_opener"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def email(self) -> str:
        """Where bills go; the name is the one dj-stripe expects of a subscriber."""
        return self.billing_email


class CustomRole(TimeStamped):
    """A set of permissions under a name of the organization's own. The four built-in roles are no rows and never change."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="custom_roles"
    )
    name = models.CharField(max_length=60)
    description = models.CharField(max_length=300, blank=True)
    permissions = ArrayField(models.CharField(max_length=40))

    class Meta:
        constraints = [
            models.UniqueConstraint(F("organization"), Lower("name"), name="custom_role_unique"),
            # What the foreign keys of members and invitations point to, so that a role is always of their organization.
            models.UniqueConstraint(
                name="custom_role_of_organization", fields=["organization", "id"]
            ),
            models.CheckConstraint(name="custom_role_name_given", condition=~Q(name="")),
        ]
        indexes = [
            models.Index(
                F("organization"),
                F("created_at").desc(),
                F("id").desc(),
                name="custom_role_by_organization_at",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def grants(self) -> frozenset[Permission]:
        """What the role permits, as far as the catalogue still knows it."""
        return known(self.permissions)


class OrganizationMember(TimeStamped):
    """A person's place in an organization; `selected_at` is when they last chose to work in it.

    A custom role replaces what the built-in one grants; its holder ranks as a viewer where a built-in role is asked for.
    """

    organization = models.ForeignKey(Organization, on_delete=models.CASCADE, related_name="members")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=6, choices=Role)
    custom_role = models.ForeignKey(
        CustomRole, on_delete=models.PROTECT, null=True, blank=True, related_name="members"
    )
    selected_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="member_unique", fields=["organization", "user"]),
            models.CheckConstraint(name="member_role_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(
                name="member_custom_role_ranks_low",
                condition=Q(custom_role__isnull=True) | Q(role=Role.VIEWER),
            ),
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
        return f"{self.user} as {self.role_name} in {self.organization}"

    @property
    def role_name(self) -> str:
        """What the member's role is called; the custom role has been loaded along by whoever asks."""
        return str(self.get_role_display() if self.custom_role is None else self.custom_role)


class OrganizationInvitation(TimeStamped):
    """A place offered to an e-mail address. Only the digest of its link is stored; one at a time waits for an answer."""

    class Status(models.TextChoices):
        """What became of an invitation."""

        PENDING = "PENDING", "Pending"
        ACCEPTED = "ACCEPTED", "Accepted"
        DECLINED = "DECLINED", "Declined"
        REVOKED = "REVOKED", "Revoked"
        EXPIRED = "EXPIRED", "Expired"

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=6, choices=Role)
    custom_role = models.ForeignKey(
        CustomRole, on_delete=models.PROTECT, null=True, blank=True, related_name="invitations"
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.PENDING)
    digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    sent_times = ArrayField(models.DateTimeField())
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="invitation_pending_unique",
                fields=["organization", "email"],
                condition=Q(status="PENDING"),
            ),
            models.CheckConstraint(
                name="invitation_email_lower", condition=Q(email=Lower(F("email")))
            ),
            models.CheckConstraint(name="invitation_role_known", condition=Q(role__in=Role.values)),
            models.CheckConstraint(
                name="invitation_custom_role_ranks_low",
                condition=Q(custom_role__isnull=True) | Q(role=Role.VIEWER),
            ),
            models.CheckConstraint(
                name="invitation_closed_complete",
                condition=Q(status="PENDING", closed_at__isnull=True)
                | (~Q(status="PENDING") & Q(closed_at__isnull=False)),
            ),
        ]
        indexes = [
            models.Index(
                F("organization"),
                F("created_at").desc(),
                F("id").desc(),
                name="invitation_by_organization_at",
            ),
            models.Index(F("email"), F("created_at").desc(), name="invitation_by_email"),
            models.Index(
                fields=["expires_at"], condition=Q(status="PENDING"), name="invitation_by_expiry"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.organization_id}"

    @property
    def role_name(self) -> str:
        """What the offered role is called; the custom role has been loaded along by whoever asks."""
        return str(self.get_role_display() if self.custom_role is None else self.custom_role)

    def is_open(self, at: datetime) -> bool:
        """Whether it can still be answered."""
        return self.status == self.Status.PENDING and self.expires_at > at


class ObjectGrant(UserObjectPermissionAbstract, TimeStamped):
    """One permission of one member on one object, beyond their role. It is guardian's own row, and goes with the member."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="object_grants"
    )
    member = models.ForeignKey(
        OrganizationMember, on_delete=models.CASCADE, related_name="object_grants"
    )
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="object_grant_unique", fields=["user", "permission", "object_pk"]
            )
        ]
        indexes = [
            models.Index(fields=["content_type", "object_pk"], name="object_grant_by_object"),
            models.Index(
                F("organization"),
                F("created_at").desc(),
                F("id").desc(),
                name="object_grant_by_organization",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.permission_id} on {self.object_pk}"
