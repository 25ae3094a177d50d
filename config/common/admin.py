"""Bases of the back office. Facts are read-only, and a refused action shows the domain's own sentence."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME, ActionForm
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import model_ngettext
from django.contrib.admin.widgets import AdminSplitDateTime, AutocompleteSelect
from django.core.exceptions import (
    BadRequest,
    FieldDoesNotExist,
    ObjectDoesNotExist,
    PermissionDenied,
    ValidationError,
)
from django.db import IntegrityError
from django.db.models import DateTimeField, Field, ForeignKey, Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from config.common import changes, crypto, once, reasons
from config.common.errors import DomainError, FieldError, InvalidInput
from config.common.ids import id_in

Rows = QuerySet[Any] | list[Any]

# Where a request keeps why the domain refused what its form asked for.
_REFUSAL = "domain_refusal"
# Where a request keeps that it is carried out once more.
_OUTRUN = "outrun"
# The field with which a form says what it had held when it was shown.
_SEEN = "_seen"
_OUTDATED = (
    "Somebody else has changed this since it was shown to you: nothing was saved. "
    "Compare it with a fresh page, then save."
)
# How the address of a list may compare a column. Patterns can keep the database busy, and it refuses bad ones.
_COMPARISONS = frozenset(
    {
        *("exact", "iexact", "in", "isnull", "isempty", "gt", "gte", "lt", "lte"),
        *("contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"),
        *("date", "year", "month", "day"),
    }
)
# The field with which the page that asks says that it was asked.
CONFIRMED = "confirmed"
# An action takes as many rows, within the time that people wait. The page that asks has a field for each of them: of a
# form with more than 500 (`DATA_UPLOAD_MAX_NUMBER_FIELDS`) nothing is read.
_AT_ONCE = 400
# What that page writes itself, and the others it passes on.
_WRITTEN_ANEW = frozenset(
    {"csrfmiddlewaretoken", once.FIELD, ACTION_CHECKBOX_NAME, "select_across", CONFIRMED}
)


class ReasonForm(ActionForm):
    """Asks for the reason beside the choice of the action."""

    reason = forms.CharField(
        required=False, widget=forms.TextInput(attrs={"maxlength": reasons.MAX_LENGTH})
    )


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

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Offer no button to save where nothing can be edited: what changes such a row is an action of its list."""
        if not context["adminform"].form.fields and not context["inline_admin_formsets"]:
            names = ("show_save", "show_save_and_continue", "show_save_and_add_another")
            context = {**context, **dict.fromkeys(names, False)}
        return super().render_change_form(request, context, *args, **kwargs)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Whether a list may be filtered so."""
        columns, rest = _path_of(self.model, lookup)
        names = [column.name for column in columns]
        hidden = any(isinstance(column, Field) and changes.is_secret(column) for column in columns)
        if hidden or names[:1] in [[name] for name in self.exclude or ()]:
            return False
        # What is no column is the name of a filter, or an annotation.
        if not _COMPARISONS.issuperset(rest if columns else rest[1:]):
            return False
        # Django does not look behind `pk`, which may be a relation.
        plain = LOOKUP_SEP.join([*names, *rest])
        return super().lookup_allowed(plain, value, request)  # type: ignore[arg-type]  # the stubs know no None

    def each(
        self, request: HttpRequest, rows: Rows, verb: Callable[[Any], object], done: str
    ) -> None:
        """Apply a verb to each row and say for how many it worked; refusals are shown one by one.

        A verb that returns False has found nothing to do.
        """
        count = idle = 0
        for row in self.chosen(request, rows):
            try:
                is_idle = verb(row) is False
            except DomainError as error:
                self.message_user(request, f"{row}: {error.told()}", messages.ERROR)
            except ObjectDoesNotExist:
                self.message_user(request, f"{row}: not there any more.", messages.ERROR)
            else:
                idle, count = idle + is_idle, count + (not is_idle)
        if count:
            self.message_user(request, f"{done}: {count}.", messages.SUCCESS)
        if idle:
            self.message_user(request, f"There was nothing to do: {idle}.", messages.WARNING)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Show the list, or carry an action out: for those to whom it is offered, where Django would do nothing."""
        wanted = set(request.POST.getlist("action")) - {""}
        if wanted - self.get_actions(request).keys():
            raise PermissionDenied
        return super().changelist_view(request, extra_context)

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Carry an action out on rows that can be there. Raises BadRequest."""
        try:
            for chosen in request.POST.getlist(ACTION_CHECKBOX_NAME):
                self.opts.pk.to_python(chosen)
        except ValidationError:
            raise BadRequest("What was chosen is no row of the list.") from None
        return super().response_action(request, queryset, *args, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list; a year that no calendar has leads to all of it, as whatever else makes no sense."""
        try:
            return super().get_changelist_instance(request)
        except (ValueError, OverflowError):
            raise IncorrectLookupParameters from None

    def chosen(self, request: HttpRequest, rows: Rows) -> list[Any]:
        """Return the rows of an action; none where they are too many for one request, and then the page says so."""
        chosen = list(rows[: _AT_ONCE + 1])
        refusal = ""
        if not chosen:
            refusal = "None of them is there any more: nothing was changed."
        elif len(chosen) > _AT_ONCE:
            refusal = f"Choose at most {_AT_ONCE} at a time: nothing was changed."
        if not refusal:
            return chosen
        self.message_user(request, refusal, messages.ERROR)
        return []

    def reason(self, request: HttpRequest) -> str:
        """Return the reason that was given beside the action; empty where it says nothing, and then the page says so."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            self.message_user(request, "Give a reason beside the action.", messages.ERROR)
            return ""
        try:
            reasons.require(reason)
        except InvalidInput as error:
            self.message_user(request, error.told(), messages.ERROR)
            return ""
        return reason


def _path_of(model: type[Model] | None, lookup: str) -> tuple[list[Any], list[str]]:
    """Return the columns that a lookup leads through, with what `pk` stands for, and how the last one is compared."""
    columns, rest = [], lookup.split(LOOKUP_SEP)
    while model and rest:
        meta = model._meta  # noqa: SLF001  Django's own name
        try:
            column: Any = meta.pk if rest[0] == "pk" else meta.get_field(rest[0])
        except FieldDoesNotExist:
            break
        columns.append(column)
        rest = rest[1:]
        model = getattr(column, "related_model", None)
    return columns, rest


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


class ChosenRow(AutocompleteSelect):
    """Shows which row is chosen; what can be no row's id is none, where Django's own widget fails."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """Return the chosen row, if there is one."""
        return super().optgroups(name, [one for one in value if id_in(one) is not None], attr)


class DomainAdmin(DiscreetAdmin):
    """Changes rows through the services, and shows why the domain refused something."""

    # What stands beneath fields of the form, by their names.
    hints: ClassVar[dict[str, str]] = {}
    # Columns, besides those that the form asks for, whose change makes the form outdated.
    watched: ClassVar[tuple[str, ...]] = ()
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
        except IntegrityError:
            if hasattr(request, _OUTRUN):
                raise
            # Somebody else was faster: by now the form sees what is in its way.
            setattr(request, _OUTRUN, True)
            return self.changeform_view(request, object_id, form_url, extra_context)
        except DomainError as error:
            if request.method != "POST" or hasattr(request, _REFUSAL):
                raise
            setattr(request, _REFUSAL, error)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Let no address fill a form in: whoever sends a link to staff would have written half of it."""
        return {}

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Ask for a row by typing part of its name."""
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs["widget"] = ChosenRow(db_field, self.admin_site)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def get_form(
        self,
        request: HttpRequest,
        obj: Any | None = None,
        change: bool = False,  # noqa: FBT001, FBT002  Django's signature
        **kwargs: Any,
    ) -> Any:
        """Return the form; one that the domain has refused says why, and is carried out no second time."""
        form = super().get_form(request, obj, change=change, help_texts=self.hints, **kwargs)
        if obj is not None:
            form = _watchful(
                form, request.POST.get(_SEEN), [getattr(obj, name) for name in self.watched]
            )
        refusal = getattr(request, _REFUSAL, None)
        return form if refusal is None else _refused(form, refusal)

    def question(
        self, request: HttpRequest, rows: Rows, *, verb: str, follows: str
    ) -> HttpResponse | None:
        """Ask before something that cannot be undone, naming every row and what follows; None once it was confirmed.

        Whoever confirms sends the same form again, with the rows that were named and no others.
        """
        chosen = self.chosen(request, rows)
        if not chosen:
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


def _watchful(
    form: type[forms.ModelForm[Any]], seen: str | None, besides: list[Any]
) -> type[forms.ModelForm[Any]]:
    """Return a form like another one, which is refused if somebody else has changed its row since it was shown.

    It sends all its fields: what they had changed would be as it was.
    """

    class Watchful(form):  # type: ignore[misc, valid-type]  # made by Django for each request
        @property
        def seen(self) -> str:
            """What the fields held before anything was filled in."""
            return crypto.digest(repr((sorted(self.initial.items()), besides))).hex()

        def full_clean(self) -> None:
            super().full_clean()
            if self.is_bound and seen is not None and seen != self.seen:
                self.add_error(None, _OUTDATED)

    return Watchful


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
