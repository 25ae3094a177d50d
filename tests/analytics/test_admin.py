"""The back office of usage: every list and page renders, nothing can be changed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import models
from analytics.services import ingest
from tests.analytics.pen import event, write

pytestmark = pytest.mark.django_db
MODELS = (
    models.ApiUsageLog,
    models.HourlyUsage,
    models.HourlyKeyUsage,
    models.DailyRouteUsage,
    models.DailyUsage,
    models.RejectedEvent,
    models.IngestCheckpoint,
)


def url(model, page: str) -> str:
    return f"/admin/analytics/{model.__name__.lower()}/{page}"


@pytest.fixture
def office(portal_as, sam):
    return portal_as(sam)


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_render_with_a_fixed_number_of_queries(office, key, model):
    counts = []
    for count in (1, 10):
        write(*(event(key, path=f"/v1/{chr(97 + n)}") for n in range(count)), b"not json")
        ingest.drain()
        with CaptureQueriesContext(connection) as queries:
            assert office.get(url(model, "")).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]

    row = model.objects.first()
    assert office.get(url(model, f"{row.pk}/change/")).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_changed_or_deleted(office, key, model):
    write(event(key), b"not json")
    ingest.drain()
    row = model.objects.first()

    assert office.get(url(model, "add/")).status_code == 403
    assert office.post(url(model, f"{row.pk}/change/"), {"units": 1}).status_code == 403
    assert office.post(url(model, f"{row.pk}/delete/"), {"post": "yes"}).status_code == 403
    assert model.objects.filter(pk=row.pk).exists()


def test_calls_are_found_by_request_id(office, key):
    write(event(key, request_id="abcdef0123456789"), event(key))
    ingest.drain()

    content = office.get(url(models.ApiUsageLog, ""), {"q": "abcdef0123456789"}).content.decode()

    assert content.count('class="field-') > 0
    assert "1 call" in content
