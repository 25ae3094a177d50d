"""Abstract bases of every model, and the ground floor's own two tables: mail that is owed, and recorded answers.

Time stamps are set by the application's clock, versions by a database trigger.
"""

from django.db import models
from django.db.models import Q

from config.common.columns import EncryptedTextField

MAIL_BODY = "mail.body"
IDEMPOTENT_BODY = "idempotency.body"


def rate_is_complete(prefix: str = "") -> Q:
    """Return the constraint of rows with a rate: all three parts of it are given, or none."""
    parts = [f"{prefix}{part}" for part in ("rate_limit", "rate_per_seconds", "rate_burst")]
    none = Q(**{f"{part}__isnull": True for part in parts})
    # NULL > 0 is unknown, which a CHECK lets pass: that each is there must be said.
    given = {f"{part}__isnull": False for part in parts}
    return none | Q(**given, **{f"{part}__gt": 0 for part in parts})


RATE_IS_COMPLETE = rate_is_complete()


class TimeStamped(models.Model):
    """A row that knows when it was made and last changed."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class Versioned(models.Model):
    """A row whose `version` the database raises on every update.

    The gate compares versions to learn that what it remembers has changed; a trigger (`tollgate_bump_version`)
    keeps the counter, so that no writer, raw SQL included, can forget it.
    """

    version = models.BigIntegerField(default=1, editable=False)

    class Meta:
        abstract = True


class OutgoingMail(models.Model):
    """A message owed to one address. The body is encrypted until it is sent, then forgotten.

    One that is given up keeps its body for a few days more, so that staff can send it again.
    """

    kind = models.CharField(max_length=60)
    recipient = models.EmailField(max_length=254)
    subject = models.CharField(max_length=200)
    body_encrypted = EncryptedTextField(purpose=MAIL_BODY)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "outgoing mail"
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="outgoingmail_due",
                condition=models.Q(sent_at__isnull=True, failed_at__isnull=True),
            ),
            models.Index(
                fields=["failed_at"],
                name="outgoingmail_failed",
                condition=models.Q(failed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.recipient}"


class IdempotentAnswer(models.Model):
    """What a request under an idempotency key was answered, for 24 hours. The body may hold a secret shown once."""

    scope = models.BinaryField(max_length=32, help_text="Digest of actor, method, path and key.")
    fingerprint = models.BinaryField(max_length=32, help_text="Digest of what was asked.")
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField()
    body_encrypted = EncryptedTextField(purpose=IDEMPOTENT_BODY)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope"], name="idempotentanswer_scope")]
        indexes = [models.Index(fields=["created_at"], name="idempotentanswer_at")]

    def __str__(self) -> str:
        return f"answer {self.status} of {self.created_at:%Y-%m-%d %H:%M}"
