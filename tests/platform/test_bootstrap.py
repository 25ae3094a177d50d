"""The session's own servers: each worker has its clone and its share of Valkey."""

import pytest
import redis
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.db import connection


@pytest.mark.django_db
def test_database_is_a_clone_of_the_template():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), current_setting('server_version_num')::int")
        name, version = cursor.fetchone()

    assert name == settings.DATABASES["default"]["NAME"]
    assert version >= 150000


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_committed_rows_are_gone_in_the_next_test(turn):
    assert not ContentType.objects.filter(app_label="left").exists()

    ContentType.objects.create(app_label="left", model=f"behind{turn}")


@pytest.mark.django_db(transaction=True)
def test_rows_of_migrations_survive_committing_tests():
    assert ContentType.objects.filter(app_label="accounts", model="user").count() == 1


@pytest.mark.parametrize("turn", [1, 2])
def test_valkey_is_empty_at_the_start(turn, redis_client: redis.Redis):
    key = f"{settings.REDIS_PREFIX}left"

    assert redis_client.get(key) is None
    redis_client.set(key, turn)
