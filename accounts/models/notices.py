"""What people are told in the portal."""

from django.db import models
from django.db.models import Q

from accounts.models.people import User

TITLE_LENGTH = 150
BODY_LENGTH = 2000
LINK_LENGTH = 300
DEDUP_LENGTH = 120


class Notice(models.Model):
    """Something a person is told in the portal, until they have read it. With a `dedup_key` it is told once."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=60)
    title = models.CharField(max_length=TITLE_LENGTH)
    body = models.TextField(max_length=BODY_LENGTH, blank=True)
    link = models.CharField(
        max_length=LINK_LENGTH, blank=True, help_text="A path of the portal, where there is more."
    )
    dedup_key = models.CharField(max_length=DEDUP_LENGTH, null=True, blank=True)  # noqa: DJ001  NULLs never collide
    created_at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="notice_once",
                fields=["user", "dedup_key"],
                condition=Q(dedup_key__isnull=False),
            ),
            # A path of ours: neither another site nor `//host`, which browsers take for one.
            models.CheckConstraint(
                name="notice_link_is_path",
                condition=Q(link="") | (Q(link__startswith="/") & ~Q(link__regex=r"^/[/\\]")),
            ),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at", "-id"], name="notice_by_user_at"),
            models.Index(fields=["user"], name="notice_unread", condition=Q(read_at=None)),
            models.Index(fields=["created_at"], name="notice_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to user {self.user_id}"

    @property
    def is_read(self) -> bool:
        """Whether the person has seen it."""
        return self.read_at is not None
