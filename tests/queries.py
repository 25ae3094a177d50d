"""What a page or an endpoint asks of the database: how often, and of what kind."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


def shapes(queries: CaptureQueriesContext) -> list[str]:
    """Return verb and table of each statement; a savepoint kept and one undone count the same."""
    texts = [query["sql"] for query in queries.captured_queries]
    # Undoing a savepoint takes two statements: ROLLBACK TO and RELEASE.
    kept = [text for text in texts if not text.startswith("ROLLBACK TO SAVEPOINT")]
    return [re.sub(r'SAVEPOINT "\w+"', "SAVEPOINT", text)[:40] for text in kept]


@pytest.fixture
def count_queries(db: None) -> Callable[..., int]:
    """Return what counts the queries of one GET; what is only asked the first time is asked before."""

    def count(client: Any, path: str, **headers: str) -> int:
        client.get(path, **headers)
        with CaptureQueriesContext(connection) as queries:
            response = client.get(path, **headers)
        assert response.status_code == 200, response.content[:500]
        return len(queries)

    return count
