"""Counting what a page or an endpoint asks of the database."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext


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
