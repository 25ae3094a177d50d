"""What the lists of the portal share: filters out of the address, and the page that is asked for."""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from config.common.errors import InvalidInput
from config.common.pagination import NEWEST_FIRST, Order, Page, RowT, paginate


def filters_of(request: HttpRequest, *names: str, most: int = 80) -> dict[str, str]:
    """Return the named filters as clean texts of so many characters at most, empty where they are not given."""
    return {name: request.GET.get(name, "").replace("\x00", "").strip()[:most] for name in names}


def page_of(
    request: HttpRequest,
    rows: QuerySet[RowT],
    *,
    whose: Model,
    size: int,
    query: Mapping[str, str] | None = None,
    order: Order = NEWEST_FIRST,
) -> Page:
    """Return the page of a list that is asked for; its cursors hold for this page, these filters and whose rows it shows.

    Raises InvalidInput for a cursor that is of none of them.
    """
    try:
        return paginate(
            rows,
            cursor=request.GET.get("cursor", ""),
            limit=size,
            bound_to=f"{request.path}:{whose.pk}?{urlencode(query or {})}",
            order=order,
        )
    except InvalidInput:
        raise InvalidInput.at(
            "#/cursor",
            location="query",
            code="cursor",
            message="The link to this part of the list does not hold any more.",
            fix="Open the list from its beginning.",
        ) from None
