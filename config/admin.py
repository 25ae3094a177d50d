"""The back office's site: staff only, with a second factor given in the session; four numbers on top."""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied
from django.db.models import Model
from django.db.models.base import ModelBase
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse

from accounts.models import User
from accounts.permissions import own_page
from accounts.services import factors
from config.backoffice import labels, lent, selectors
from config.common import context

ViewT = TypeVar("ViewT", bound=Callable[..., HttpResponseBase])


class TollgateAdminSite(admin.AdminSite):
    """Django's own admin under our name."""

    site_header = settings.PRODUCT_NAME
    site_title = f"{settings.PRODUCT_NAME} back office"
    index_title = "Back office"

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether staff asks, in a session that has given a second factor."""
        return (
            isinstance(request.user, User)
            and super().has_permission(request)
            and request.user.is_verified()
        )

    def register(
        self,
        model_or_iterable: type[Model] | Iterable[type[Model]],
        admin_class: type[admin.ModelAdmin[Any]] | None = None,
        **options: Any,
    ) -> None:
        """Show a model; those of other packages only as far as `lent` allows."""
        models = (
            [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        )
        for model in models:
            page = lent.page_of(model, admin_class or admin.ModelAdmin)
            if page is not None:
                if _is_ours(model._meta.app_label):  # noqa: SLF001  public in all but name
                    labels.spell(model)
                super().register(model, page, **options)

    def admin_view(
        self,
        view: ViewT,
        cacheable: bool = False,  # noqa: FBT001, FBT002  Django's signature
    ) -> ViewT:
        """Guard a page, and let whoever is let in act as staff: the audit log tells customers so."""

        @wraps(view)
        def acting_as_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with context.acting_as_staff():
                try:
                    return view(request, *args, **kwargs)
                except ObjectDoesNotExist:
                    raise Http404 from None  # somebody else was faster

        return super().admin_view(cast("ViewT", acting_as_staff), cacheable)

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the portal's sign-in, the only one there is, or to what is missing after it, and back."""
        wanted = _wanted(request)
        if self.has_permission(request):
            return HttpResponseRedirect(wanted)
        if not isinstance(request.user, User):
            return redirect_to_login(wanted)
        if not request.user.is_staff:
            raise PermissionDenied
        if factors.has_second_factor(request.user):
            step = "accounts:second-factor"
        else:
            step = "accounts:two-factor"
            messages.warning(request, "The back office needs a second factor: set one up first.")
        return HttpResponseRedirect(f"{reverse(step)}?{urlencode({'next': wanted})}")

    def password_change(  # type: ignore[override]
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the portal's page, which asks for a fresh proof: there is one way to change a password."""
        return HttpResponseRedirect(reverse("accounts:password-change"))

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """List our own apps first, then those of other packages."""
        listed = super().get_app_list(request, app_label)
        return sorted(listed, key=lambda app: not _is_ours(app["app_label"]))

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the numbers of the day above the list of models."""
        return super().index(request, {"dashboard": selectors.dashboard(), **(extra_context or {})})


def _is_ours(label: str) -> bool:
    return apps.get_app_config(label).name.partition(".")[0] in lent.OURS


def _wanted(request: HttpRequest) -> str:
    """Return which page of the back office is asked for: one of ours, else the first."""
    first = reverse("admin:index")
    wanted = own_page(request, request.GET.get("next", ""), otherwise=first)
    return first if wanted == request.path else wanted
