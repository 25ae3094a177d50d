"""Messages of staff to many people, and who got them already."""

from django.db import models
from django.db.models import Q

from accounts.models.notices import BODY_LENGTH, LINK_LENGTH, TITLE_LENGTH
from accounts.models.people import User
from config.common.models import TimeStamped


class Broadcast(TimeStamped):
    """A message about the service to everybody in an audience, by mail, in the portal or both.

    A job goes through the people by id, batch by batch; `last_user_id` says how far it is.
    """

    class Status(models.TextChoices):
        """How far it is."""

        DRAFT = "DRAFT", "Draft"
        SENDING = "SENDING", "Sending"
        SENT = "SENT", "Sent"
        CANCELED = "CANCELED", "Canceled"

    title = models.CharField(max_length=TITLE_LENGTH)
    body = models.TextField(max_length=BODY_LENGTH)
    link = models.CharField(max_length=LINK_LENGTH, blank=True)
    by_mail = models.BooleanField(default=True)
    in_app = models.BooleanField(default=True)
    audience = models.JSONField(default=dict, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    created_by = models.ForeignKey(
        User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    people_total = models.PositiveIntegerField(default=0)
    people_done = models.PositiveIntegerField(default=0)
    mails_done = models.PositiveIntegerField(default=0)
    last_user_id = models.BigIntegerField(default=0, editable=False)
    up_to_user_id = models.BigIntegerField(default=0, editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="broadcast_reaches_somebody", condition=Q(by_mail=True) | Q(in_app=True)
            ),
            models.CheckConstraint(
                name="broadcast_link_is_path",
                condition=Q(link="") | (Q(link__startswith="/") & ~Q(link__regex=r"^/[/\\]")),
            ),
            models.CheckConstraint(
                name="broadcast_times",
                condition=(Q(status="DRAFT", started_at=None, finished_at=None))
                | Q(status="SENDING", started_at__isnull=False, finished_at=None)
                | Q(status="SENT", started_at__isnull=False, finished_at__isnull=False)
                | Q(status="CANCELED", finished_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["id"], name="broadcast_sending", condition=Q(status="SENDING")),
            models.Index(fields=["-created_at", "-id"], name="broadcast_by_created_at"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def percent(self) -> int:
        """How much of it is done."""
        if self.status == self.Status.SENT:
            return 100
        return min(99, self.people_done * 100 // self.people_total) if self.people_total else 0


class BroadcastRecipient(models.Model):
    """That a person was sent a broadcast: once, whatever dies."""

    broadcast = models.ForeignKey(Broadcast, on_delete=models.CASCADE, related_name="recipients")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="broadcasts_received")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="broadcastrecipient_once", fields=["broadcast", "user"]),
        ]

    def __str__(self) -> str:
        return f"broadcast {self.broadcast_id} to user {self.user_id}"
