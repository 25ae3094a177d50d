"""The back office's view of mail: whether it went out, and sending again what was given up."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import User
from accounts.roles import PlatformPermission
from config.common import mail
from config.common.admin import DomainAdmin, ReadOnlyAdmin
from config.common.admin_filters import NamedValues, called
from config.common.models import OutgoingMail
from config.templatetags.ui import pill


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin, DomainAdmin):
    """What was mailed to whom, and whether it went out. The bodies hold links and are not shown."""

    audited_as = "mail"
    list_display = (
        "id",
        "kind",
        "recipient",
        "subject",
        "standing",
        "attempts",
        "last_error",
        "created_at",
    )
    list_filter = (
        ("kind", NamedValues),
        ("sent_at", called("sending", yes="Sent", no="Not sent")),
        ("failed_at", called("giving up", yes="Given up", no="Not given up")),
    )
    search_fields = ("recipient", "subject")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    exclude = ("body_encrypted",)
    actions = ("send_again",)

    @admin.display(description="standing", ordering="sent_at")
    def standing(self, owed: OutgoingMail) -> str:
        """Show whether the message is sent, waits, or was given up."""
        if owed.failed_at is not None:
            return pill("failed")
        return pill("sent" if owed.sent_at is not None else "waiting")

    def has_send_again_permission(self, request: HttpRequest) -> bool:
        """Whoever looks after people may owe them a message again."""
        return isinstance(request.user, User) and request.user.may(PlatformPermission.USERS_WRITE)

    @admin.action(description="Send again what was given up", permissions=["send_again"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMail]) -> None:
        """Owe messages once more that the mail server had refused for good, or for too long."""
        now = timezone.now()
        self.each(
            request, queryset, lambda owed: mail.send_again(mail_id=owed.pk, at=now), "To be sent"
        )
