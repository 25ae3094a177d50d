"""State of what happened: an append-only, hash-chained log, and events that concern security."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from audit import signing, vocabulary
from audit.vocabulary import SeverityName
from config.common.models import TimeStamped


class AuditLog(models.Model):
    """One fact: who did what to what. A trigger lets rows only be added; each hashes the one before it in its chain.

    The table is partitioned by month. Another trigger lets an entry only go behind the head of its chain, which it moves,
    so that a place in a chain is taken once over all months.
    """

    chain = models.BigIntegerField(
        help_text="The organization's id, or 0 for the platform's own chain."
    )
    sequence = models.BigIntegerField()
    event = models.CharField(max_length=80)
    summary = models.CharField(max_length=300)
    organization_id = models.BigIntegerField(null=True)
    actor_type = models.CharField(max_length=20)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=254, blank=True)
    target_type = models.CharField(max_length=60, blank=True)
    target_id = models.BigIntegerField(null=True)
    old_values = models.JSONField(null=True)
    new_values = models.JSONField(null=True)
    data = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    occurred_at = models.DateTimeField()
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "audit entry"
        verbose_name_plural = "audit log"
        constraints = [
            models.CheckConstraint(
                name="auditlog_chain_of_organization",
                condition=Q(organization_id=None, chain=0)
                | Q(organization_id__isnull=False, organization_id=F("chain")),
            ),
        ]
        indexes = [
            models.Index(fields=["chain", "sequence"], name="auditlog_by_chain"),
            models.Index(
                fields=["organization_id", "-occurred_at", "-id"],
                name="auditlog_by_organization_at",
            ),
            models.Index(fields=["actor_type", "actor_id", "-id"], name="auditlog_by_actor"),
            models.Index(fields=["target_type", "target_id", "-id"], name="auditlog_by_target"),
            models.Index(fields=["request_id"], name="auditlog_by_request"),
            # Entries lie in the order of time, so a few pages of BRIN find a day.
            BrinIndex(fields=["occurred_at"], name="auditlog_by_occurred_at"),
        ]

    def __str__(self) -> str:
        return f"{self.event} #{self.sequence}"


class AuditChain(models.Model):
    """The head of one chain; locking its row gives the log of an organization its order. It only moves forward."""

    chain = models.BigIntegerField(primary_key=True)
    sequence = models.BigIntegerField(default=0)
    hash = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"chain {self.chain} at {self.sequence}"


class AuditSeal(models.Model):
    """A chain's head as it once stood, signed; never changed nor deleted.

    A daily head shows later that nothing up to it was rewritten or cut off. An anchor is the last entry of what
    retention dropped: from there on the chain is checked. `leftover` are the places and hashes of the entries below it
    that a later month holds, because clocks of several servers differ at midnight.
    """

    class Kind(models.TextChoices):
        """Why it was sealed."""

        DAILY = "DAILY", "Daily head"
        ANCHOR = "ANCHOR", "Anchor"

    chain = models.BigIntegerField()
    sequence = models.BigIntegerField()
    hash = models.BinaryField(max_length=32)
    kind = models.CharField(max_length=6, choices=Kind)
    leftover = models.JSONField(default=list)
    sealed_at = models.DateTimeField()
    key_id = models.CharField(max_length=64)
    signature = models.BinaryField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="auditseal_once_a_head",
                fields=["chain", "sequence"],
                condition=Q(kind="DAILY"),
            ),
            models.CheckConstraint(
                name="auditseal_kind_known", condition=Q(kind__in=["DAILY", "ANCHOR"])
            ),
        ]
        indexes = [models.Index(fields=["chain", "sequence"], name="auditseal_by_chain")]

    def __str__(self) -> str:
        return f"chain {self.chain} at {self.sequence}, {self.kind}"

    def statement(self) -> bytes:
        """Return what the signature covers."""
        return signing.statement_of(
            chain=self.chain,
            sequence=self.sequence,
            digest=bytes(self.hash),
            kind=self.kind,
            leftover=self.leftover,
            sealed_at=self.sealed_at,
            key_id=self.key_id,
        )


class Severity(models.TextChoices):
    """How soon a person should look; which name is how severe is in `audit.vocabulary`."""

    INFO = SeverityName.INFO, "Info"
    WARNING = SeverityName.WARNING, "Warning"
    CRITICAL = SeverityName.CRITICAL, "Critical"


class SecurityEvent(TimeStamped):
    """Something that concerns security; the name is from the OWASP logging vocabulary.

    What comes over and over from one actor is one row per minute, told apart by `fold`, with a count.
    """

    name = models.CharField(max_length=60)
    severity = models.CharField(max_length=8, choices=Severity)
    organization_id = models.BigIntegerField(null=True)
    user_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    count = models.PositiveIntegerField(default=1)
    last_seen_at = models.DateTimeField()
    fold = models.CharField(max_length=64, null=True, unique=True, editable=False)  # noqa: DJ001  only some rows have one
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by_id = models.BigIntegerField(null=True)
    acknowledged_note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="securityevent_severity_known", condition=Q(severity__in=Severity.values)
            ),
            models.CheckConstraint(
                name="securityevent_acknowledged_by_someone",
                condition=Q(acknowledged_at=None, acknowledged_by_id=None, acknowledged_note="")
                | Q(acknowledged_at__isnull=False, acknowledged_by_id__isnull=False),
            ),
            models.CheckConstraint(name="securityevent_seen", condition=Q(count__gte=1)),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="securityevent_by_created_at"),
            models.Index(fields=["organization_id", "-created_at"], name="securityevent_by_org_at"),
            models.Index(fields=["user_id", "-created_at"], name="securityevent_by_user_at"),
        ]

    def __str__(self) -> str:
        return f"{self.severity} {self.name}"

    @property
    def title(self) -> str:
        """The words for the name."""
        return vocabulary.title_of(self.name)

    @property
    def meaning(self) -> str:
        """What the name means."""
        return vocabulary.meaning_of(self.name)

    @property
    def is_acknowledged(self) -> bool:
        """Whether somebody has looked at it."""
        return self.acknowledged_at is not None
