"""Links sent by mail, and the change of address that takes two of them."""

from django.db import models
from django.db.models import F, Q

from accounts.models.people import User
from config.common.models import TimeStamped


class EmailChange(TimeStamped):
    """A wish to use another address. It comes true when the old and the new address have both agreed."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="email_changes")
    old_email = models.EmailField(max_length=254)
    new_email = models.EmailField(max_length=254)
    expires_at = models.DateTimeField()
    old_confirmed_at = models.DateTimeField(null=True, blank=True)
    new_confirmed_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="emailchange_one_open",
                fields=["user"],
                condition=Q(completed_at=None, canceled_at=None),
            ),
            models.CheckConstraint(
                name="emailchange_to_another", condition=~Q(new_email=F("old_email"))
            ),
            models.CheckConstraint(
                name="emailchange_agreed_twice",
                condition=Q(completed_at=None)
                | Q(old_confirmed_at__isnull=False, new_confirmed_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"change of address of user {self.user_id}"


class EmailToken(models.Model):
    """A single-use link sent by mail. Only the token's digest is stored; using it is one conditional UPDATE."""

    class Purpose(models.TextChoices):
        """What the link is good for."""

        VERIFY_EMAIL = "VERIFY_EMAIL", "Verify e-mail"
        RESET_PASSWORD = "RESET_PASSWORD", "Reset password"
        CONFIRM_OLD = "CONFIRM_OLD", "Agree to a change of address at the old one"
        CONFIRM_NEW = "CONFIRM_NEW", "Agree to a change of address at the new one"

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="email_tokens")
    purpose = models.CharField(max_length=16, choices=Purpose)
    digest = models.BinaryField(max_length=32, unique=True)
    email = models.EmailField(max_length=254)
    change = models.ForeignKey(
        EmailChange, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens"
    )
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.purpose} for user {self.user_id}"
