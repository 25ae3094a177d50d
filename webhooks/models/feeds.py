"""State of polling: up to which message each consumer of an organization has dealt with the feed."""

import re

from django.db import models
from django.db.models import Q

from organizations.models import Organization

CONSUMER = re.compile(r"^[a-z0-9_-]{1,40}\Z")


class FeedPosition(models.Model):
    """How far one consumer has come. A position only ever moves ahead; a reader goes back by naming another one."""

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="feed_positions", db_index=False
    )
    consumer = models.CharField(max_length=40)
    position = models.BigIntegerField()
    acknowledged_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="feedposition_unique", fields=["organization", "consumer"]
            ),
            models.CheckConstraint(name="feedposition_not_negative", condition=Q(position__gte=0)),
        ]

    def __str__(self) -> str:
        return f"{self.consumer} of organization {self.organization_id} at {self.position}"
