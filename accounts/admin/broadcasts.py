"""The back office's view of broadcasts: written as a draft, looked at, tried on oneself, sent, stopped."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone

from accounts.models import Broadcast, User
from accounts.permissions import proof_first, staff_of
from accounts.roles import PlatformPermission
from accounts.services import audiences, broadcasts
from accounts.services.broadcasts import Words
from config.common.admin import DomainAdmin
from config.common.admin_filters import switch
from config.common.errors import DomainError
from config.templatetags.ui import pill

_VERIFIED = {"": None, "yes": True, "no": False}


class BroadcastForm(forms.ModelForm[Broadcast]):
    """Asks for the words, the ways and the audience; criteria of every app have a field of their own."""

    verified = forms.ChoiceField(
        required=False,
        choices=[("", "Proved or not"), ("yes", "Proved addresses"), ("no", "Unproved addresses")],
        label="Address",
    )

    class Meta:
        model = Broadcast
        fields = ("title", "body", "link", "by_mail", "in_app")
        widgets = {
            "title": forms.TextInput(attrs={"class": "vTextField"}),
            "body": forms.Textarea(attrs={"class": "vLargeTextField", "rows": 8}),
            "link": forms.TextInput(attrs={"class": "vTextField", "placeholder": "/usage/"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for criterion in audiences.criteria():
            self.fields[criterion.name] = forms.MultipleChoiceField(
                required=False,
                choices=list(criterion.choices()),
                label=criterion.label,
                widget=forms.CheckboxSelectMultiple,
                help_text="None chosen: any.",
            )

    def clean(self) -> dict[str, Any]:
        """Let the domain say what is wrong with the words."""
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                broadcasts.require_sendable(self.words)
            except DomainError as error:
                for fault in error.errors:
                    self.add_error(fault.pointer.removeprefix("#/"), fault.message)
        return cleaned

    @property
    def words(self) -> Words:
        """What is said, and by which ways."""
        return Words(**{name: self.cleaned_data[name] for name in Words.__dataclass_fields__})

    @property
    def audience(self) -> dict[str, Any]:
        """Whom it is for."""
        chosen = {one.name: self.cleaned_data[one.name] for one in audiences.criteria()}
        return {**chosen, "verified": _VERIFIED[self.cleaned_data["verified"]]}


@admin.register(Broadcast)
class BroadcastAdmin(DomainAdmin):
    """Messages about the service to many people. What was written is not changed any more: write another one."""

    audited_as = "broadcast"
    list_display = (
        "title",
        "standing",
        "percent_done",
        "people_total",
        "people_done",
        "mails_done",
        "created_by",
        "created_at",
    )
    list_filter = (
        "status",
        ("by_mail", switch("mail", yes="By mail", no="Not by mail")),
        ("in_app", switch("portal", yes="In the portal", no="Not in the portal")),
    )
    search_fields = ("title", "body")
    date_hierarchy = "created_at"
    list_select_related = ("created_by",)
    ordering = ("-id",)
    readonly_fields = (
        "title",
        "body",
        "link",
        "by_mail",
        "in_app",
        "to_whom",
        "reaches",
        "standing",
        "percent_done",
        "people_total",
        "people_done",
        "mails_done",
        "created_by",
        "started_at",
        "finished_at",
        "created_at",
    )
    change_form_template = "admin/accounts/broadcast/change_form.html"

    @admin.display(description="status", ordering="status")
    def standing(self, broadcast: Broadcast) -> str:
        """Show how far it is."""
        return pill(broadcast.status)

    @admin.display(description="done")
    def percent_done(self, broadcast: Broadcast) -> str:
        """Show how much of it is done."""
        return f"{broadcast.percent} %"

    @admin.display(description="audience")
    def to_whom(self, broadcast: Broadcast) -> str:
        """Say whom it is for."""
        return audiences.describe(broadcast.audience)

    @admin.display(description="reaches now")
    def reaches(self, broadcast: Broadcast) -> str:
        """Count whom it would reach."""
        reach = broadcasts.preview(broadcast.audience)
        mailed = reach.by_mail if broadcast.by_mail else 0
        return f"{reach.people:,} people, {mailed:,} of them by mail"

    def has_view_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        """Whoever may write to everybody sees what was written."""
        return isinstance(request.user, User) and request.user.may(
            PlatformPermission.BROADCASTS_WRITE
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may write to everybody."""
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        """Its buttons are for whoever may write to everybody; the words stay as they are."""
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Broadcast | None = None) -> bool:
        """What was said stays."""
        return False

    def get_form(  # type: ignore[override]  # `change` is passed on with the others
        self, request: HttpRequest, obj: Broadcast | None = None, **kwargs: Any
    ) -> Any:
        """Ask for everything when it is written; afterwards there is nothing to fill in."""
        return BroadcastForm if obj is None else super().get_form(request, obj, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Broadcast | None = None) -> Any:
        """Show what was written as it is."""
        return () if obj is None else self.readonly_fields

    def get_fieldsets(self, request: HttpRequest, obj: Broadcast | None = None) -> Any:
        """Group the fields."""
        if obj is None:
            criteria = [criterion.name for criterion in audiences.criteria()]
            return (
                (None, {"fields": ("title", "body", "link")}),
                ("Ways", {"fields": ("by_mail", "in_app")}),
                (
                    "Audience: everybody to whom all of this applies",
                    {"fields": (*criteria, "verified")},
                ),
            )
        shown = self.readonly_fields
        return ((None, {"fields": shown[:8]}), ("Progress", {"fields": shown[8:]}))

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Broadcast:  # noqa: FBT001  Django's signature
        """Write the draft through its service; an existing one is not written again."""
        if change:
            found: Broadcast = form.instance
            return found
        return broadcasts.draft(words=form.words, audience=form.audience, by=staff_of(request))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Nothing is left to save."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001  Django's signature
        """Nothing hangs on it."""

    def response_add(
        self, request: HttpRequest, obj: Broadcast, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Lead to the draft, from where it is tried and sent."""
        self.message_user(request, "The draft is written; nobody has got it yet.", messages.SUCCESS)
        return HttpResponseRedirect(f"../{obj.pk}/change/")

    def response_change(self, request: HttpRequest, obj: Broadcast) -> HttpResponse:
        """Do what the button says, and come back; what reaches people is asked about first, and who asks for it."""
        if "_send" in request.POST and obj.status == Broadcast.Status.DRAFT:
            if asked := proof_first(request, back_to=request.path):
                return asked
            follows = f"It goes out at once; now it reaches {self.reaches(obj)}."
            if question := self.question(request, [obj], verb="Send", follows=follows):
                return question
        for button, act in (("_send", _send), ("_test", _test), ("_cancel", _cancel)):
            if button in request.POST:
                self._press(request, obj, act)
        return HttpResponseRedirect(request.path)

    def _press(self, request: HttpRequest, obj: Broadcast, act: Any) -> None:
        try:
            self.message_user(request, act(obj, staff_of(request)), messages.SUCCESS)
        except DomainError as error:
            self.message_user(request, error.told(), messages.ERROR)


def _send(broadcast: Broadcast, _by: User) -> str:
    sent = broadcasts.send(broadcast_id=broadcast.pk, at=timezone.now())
    return f"It is on its way to {sent.people_total:,} people."


def _test(broadcast: Broadcast, by: User) -> str:
    words = Words(**{name: getattr(broadcast, name) for name in Words.__dataclass_fields__})
    broadcasts.try_out(words=words, by=by)
    return "Sent to you."


def _cancel(broadcast: Broadcast, _by: User) -> str:
    stopped = broadcasts.cancel(broadcast_id=broadcast.pk, at=timezone.now())
    return f"Stopped after {stopped.people_done:,} people."
