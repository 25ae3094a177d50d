"""State of what customers are owed: the outbox of public events."""

from django.db import models

from organizations.models import Organization


class WebhookMessage(models.Model):
    """A public event owed to one organization, written in the transaction of the change: the outbox."""

    message_id = models.CharField(max_length=40, unique=True)
    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="webhook_messages"
    )
    event_type = models.CharField(max_length=80)
    payload = models.JSONField()
    occurred_at = models.DateTimeField()
    fanned_out_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"],
                name="webhookmessage_to_fan_out",
                condition=models.Q(fanned_out_at__isnull=True),
            ),
            models.Index(fields=["organization", "-occurred_at"], name="webhookmessage_by_org_at"),
        ]

    def __str__(self) -> str:
        return f"{self.event_type} {self.message_id}"
