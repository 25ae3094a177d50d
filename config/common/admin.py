"""Bases of the back office. Facts are read-only, and a refused action shows the domain's own sentence."""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.contrib.admin.utils import model_ngettext
from django.contrib.admin.widgets import AdminSplitDateTime
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, Field, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from config.common import changes, once
from config.common.errors import DomainError, FieldError

# Where a request keeps why the domain refused what its form asked for.
_REFUSAL = "domain_refusal"
# The field with which the page that asks says that it was asked.
CONFIRMED = "confirmed"
# As many rows are named on that page; a browser sends each of them back in a field of its own.
_NAMED_AT_ONCE = 500
# What that page writes itself, and the others it passes on.
_WRITTEN_ANEW = frozenset(
    {"csrfmiddlewaretoken", once.FIELD, ACTION_CHECKBOX_NAME, "select_across", CONFIRMED}
)


class ReasonForm(ActionForm):
    """Asks for the reason beside the choice of the action."""

    reason = forms.CharField(required=False, max_length=300)


class DiscreetAdmin(admin.ModelAdmin[Any]):
    """Filters lists by nothing that nobody is told, and shows what the domain refuses.

    Django filters by any column, so that a hash could be guessed letter by letter.
    """

    # What entries of the audit log call such a row; with it, its "History" is what the log says.
    audited_as: ClassVar[str] = ""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the row's entries in the audit log: Django's own page knows forms of the back office only."""
        if not self.audited_as:
            return super().history_view(request, object_id, extra_context)
        log = reverse("admin:audit_auditlog_changelist")
        return HttpResponseRedirect(f"{log}?{urlencode({'q': f'{self.audited_as}:{object_id}'})}")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Whether a list may be filtered so."""
        hidden = lookup.partition(LOOKUP_SEP)[0] in (self.exclude or ())
        if hidden or _concerns_secret(self.model, lookup):
            return False
        return super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]  # the stubs know no None

    def each(
        self, request: HttpRequest, rows: Iterable[Any], verb: Callable[[Any], object], done: str
    ) -> None:
        """Apply a verb to each row and say for how many it worked; refusals are shown one by one."""
        count = 0
        for row in rows:
            try:
                verb(row)
            except DomainError as error:
                self.message_user(request, f"{row}: {error.told()}", messages.ERROR)
            else:
                count += 1
        if count:
            self.message_user(request, f"{done}: {count}.", messages.SUCCESS)

    def reason(self, request: HttpRequest) -> str:
        """Return the reason that was given beside the action; empty where none was, and then the page says so."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Give a reason beside the action.", messages.ERROR)
        return reason


def _concerns_secret(model: type[Model] | None, lookup: str) -> bool:
    for name in lookup.split(LOOKUP_SEP):
        try:
            field = model._meta.get_field(name) if model else None  # noqa: SLF001  Django's own name
        except FieldDoesNotExist:
            return False
        if isinstance(field, Field) and changes.is_secret(field):
            return True
        model = getattr(field, "related_model", None)
    return False


class ReadOnlyAdmin(DiscreetAdmin):
    """Shows rows that nobody changes by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Facts are not added by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Facts do not change."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Facts stay."""
        return False


class NamedDateTime(AdminSplitDateTime):
    """The fields of a date and a time, each with a name of its own for a screen reader."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        for widget, name in zip(self.widgets, ("Date", "Time"), strict=True):
            widget.attrs["aria-label"] = name


class DomainAdmin(DiscreetAdmin):
    """Changes rows through the services, and shows why the domain refused something."""

    # What stands beneath fields of the form, by their names.
    hints: ClassVar[dict[str, str]] = {}
    formfield_overrides: ClassVar[dict[Any, Any]] = {
        DateTimeField: {"form_class": forms.SplitDateTimeField, "widget": NamedDateTime}
    }

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Save; a refusal is shown in the form, which keeps what was filled in."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            if request.method != "POST" or hasattr(request, _REFUSAL):
                raise
            setattr(request, _REFUSAL, error)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self,
        request: HttpRequest,
        obj: Any | None = None,
        change: bool = False,  # noqa: FBT001, FBT002  Django's signature
        **kwargs: Any,
    ) -> Any:
        """Return the form; one that the domain has refused says why, and is carried out no second time."""
        form = super().get_form(request, obj, change=change, help_texts=self.hints, **kwargs)
        refusal = getattr(request, _REFUSAL, None)
        return form if refusal is None else _refused(form, refusal)

    def question(
        self, request: HttpRequest, rows: QuerySet[Any] | list[Any], *, verb: str, follows: str
    ) -> HttpResponse | None:
        """Ask before something that cannot be undone, naming every row and what follows; None once it was confirmed.

        Whoever confirms sends the same form again, with the rows that were named and no others.
        """
        chosen = list(rows[: _NAMED_AT_ONCE + 1])
        refusal = ""
        if not chosen:
            refusal = "None of them is there any more: nothing was changed."
        elif len(chosen) > _NAMED_AT_ONCE:
            refusal = f"Choose at most {_NAMED_AT_ONCE} at a time: nothing was changed."
        if refusal:
            self.message_user(request, refusal, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())
        if CONFIRMED in request.POST:
            return None
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{verb} {len(chosen)} {model_ngettext(self.opts, len(chosen))}?",
            "follows": follows,
            "rows": chosen,
            "back": request.get_full_path(),
            "chosen_field": ACTION_CHECKBOX_NAME,
            "confirmed_field": CONFIRMED,
            "passed_on": [
                (name, value)
                for name, values in request.POST.lists()
                if name not in _WRITTEN_ANEW
                for value in values
            ],
        }
        return TemplateResponse(request, "admin/confirm_action.html", context)


def _refused(form: type[forms.ModelForm[Any]], refusal: DomainError) -> type[forms.ModelForm[Any]]:
    """Return a form like another one, in which each fault stands at its field, and what concerns none above all."""

    class Refused(form):  # type: ignore[misc, valid-type]  # made by Django for each request
        def full_clean(self) -> None:
            super().full_clean()
            if not self.is_bound:
                return
            placed = [fault for fault in refusal.errors if _field_of(fault) in self.fields]
            for fault in placed:
                self.add_error(_field_of(fault), fault.told())
            if len(placed) < len(refusal.errors) or not placed:
                self.add_error(None, refusal.told())

    return Refused


def _field_of(fault: FieldError) -> str:
    return fault.pointer.removeprefix("#/").split("/")[0]
