"""Copies of their data that people asked for."""

from django.db import models

from accounts.models.people import User
from config.common.models import TimeStamped


class DataExport(TimeStamped):
    """A ZIP file with everything we know about a person, made by a job and kept for seven days."""

    class Status(models.TextChoices):
        """How far it is."""

        QUEUED = "QUEUED", "Queued"
        RUNNING = "RUNNING", "Running"
        READY = "READY", "Ready"
        FAILED = "FAILED", "Failed"
        EXPIRED = "EXPIRED", "Expired"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="exports")
    status = models.CharField(max_length=7, choices=Status, default=Status.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    attempts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    file = models.CharField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField(default=0)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="dataexport_one_at_a_time",
                fields=["user"],
                condition=models.Q(status__in=["QUEUED", "RUNNING"]),
            ),
            models.CheckConstraint(
                name="dataexport_progress", condition=models.Q(progress__lte=100)
            ),
        ]

    @property
    def is_open(self) -> bool:
        """Whether it is still being made."""
        return self.status in {self.Status.QUEUED, self.Status.RUNNING}

    @property
    def is_ready(self) -> bool:
        """Whether there is a file."""
        return self.status == self.Status.READY

    def __str__(self) -> str:
        return f"export {self.pk} of user {self.user_id}"
