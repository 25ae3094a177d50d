"""A secret is in one answer and nowhere else: not in a table, a log, Redis or a page."""

import logging

import pytest
from django.db import connection

from apikeys.models import ApiKey
from tests.factories.apikeys import ServiceKeyFactory

pytestmark = pytest.mark.django_db


def tables_holding(text):
    """Return the tables in which a row holds the text, in any column, as text or as bytes."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s OR t::text LIKE %s',  # noqa: S608  our own names
                [f"%{text}%", f"%{text.encode().hex()}%"],
            )
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_the_search_finds_what_is_there(olivia):
    assert "accounts_user" in tables_holding("olivia@example.com")


def test_a_secret_is_in_no_table_log_or_redis_key(
    api_as, olivia, redis_client, caplog, django_capture_on_commit_callbacks
):
    caplog.set_level(logging.DEBUG)
    api = api_as(olivia)

    with django_capture_on_commit_callbacks(execute=True):
        created = api.post("/api/v1/api-keys", {"name": "Checkout"}).json()
        rotated = api.post(
            f"/api/v1/api-keys/{created['id']}/rotate", {"overlap_seconds": 60}
        ).json()
        service = ServiceKeyFactory.create()

    for secret in (created["key"], rotated["key"], service.secret):
        body = secret.rpartition("_")[2][4:-4]
        assert tables_holding(secret) == []
        assert tables_holding(body) == []
        assert body not in caplog.text
        for name in redis_client.scan_iter(count=1000):
            assert body.encode() not in name
            assert body.encode() not in (redis_client.dump(name) or b"")


def test_later_answers_never_hold_it(api_as, olivia):
    api = api_as(olivia)
    created = api.post("/api/v1/api-keys", {"name": "Checkout"}).json()
    body = created["key"][12:-4]
    path = f"/api/v1/api-keys/{created['id']}"

    later = [
        api.get(path),
        api.get("/api/v1/api-keys"),
        api.patch(path, {"name": "Search"}),
        api.delete(path),
    ]

    assert [answer.status_code for answer in later] == [200, 200, 200, 204]
    assert all(body not in answer.content.decode() for answer in later)


def test_the_digest_is_in_no_answer(api_as, olivia, key):
    digest = bytes(key.secrets.get().digest).hex()

    answer = api_as(olivia).get(f"/api/v1/api-keys/{key.pk}")

    assert digest not in answer.content.decode()
    assert ApiKey.objects.count() == 1
