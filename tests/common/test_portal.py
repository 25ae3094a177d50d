"""What the lists of the portal share."""

import pytest

from accounts.models import User
from config.common.errors import InvalidInput
from config.common.portal import filters_of, page_of


def test_filters_are_short_clean_texts(rf):
    request = rf.get("/keys/", {"q": "  a\x00b ", "status": "x" * 99, "other": "y"})

    assert filters_of(request, "q", "status", "missing") == {
        "q": "ab",
        "status": "x" * 80,
        "missing": "",
    }


@pytest.mark.django_db
@pytest.mark.parametrize("other", ["page", "filters", "owner"])
def test_a_cursor_holds_for_its_page_its_filters_and_whose_rows_it_shows(
    rf, organization, foreign_organization, olivia, adam, other
):
    query = {"q": "o"}
    first = page_of(rf.get("/keys/"), User.objects.all(), whose=organization, query=query, size=1)
    again = {"cursor": first.next_cursor}

    second = page_of(
        rf.get("/keys/", again), User.objects.all(), whose=organization, query=query, size=1
    )
    with pytest.raises(InvalidInput):
        page_of(
            rf.get("/team/" if other == "page" else "/keys/", again),
            User.objects.all(),
            whose=foreign_organization if other == "owner" else organization,
            query={} if other == "filters" else query,
            size=1,
        )

    assert len(first.rows) == len(second.rows) == 1
    assert first.rows != second.rows
