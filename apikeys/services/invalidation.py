"""Telling gate processes at once what they must load anew. It only hurries them: the rows' versions are the truth."""

import orjson
import redis
import structlog
from django.db import transaction

from apikeys.models import ApiKey
from config.common.redis import client, key

logger = structlog.get_logger(__name__)

CHANNEL = "invalidate"


def keys_changed(*key_ids: int) -> None:
    """Announce, once this transaction is committed, that these keys changed."""
    _announce({"keys": list(key_ids)})


def service_keys_changed(*key_ids: int) -> None:
    """Announce, once this transaction is committed, that these service keys changed."""
    _announce({"service_keys": list(key_ids)})


def organizations_changed(*organization_ids: int) -> None:
    """Announce, once this transaction is committed, that limits or state of these organizations changed."""
    _announce({"organizations": list(organization_ids)})


def apis_changed() -> None:
    """Announce, once this transaction is committed, that an API or a route rule changed."""
    _announce({"apis": True})


def keys_of_user_changed(user_id: int) -> None:
    """Announce the keys a person made: whether they may pass depends on that person's status too."""
    key_ids = ApiKey.objects.unrevoked().filter(created_by_id=user_id).values_list("id", flat=True)
    if key_ids:
        keys_changed(*key_ids)


def _announce(message: dict[str, object]) -> None:
    transaction.on_commit(lambda: _publish(orjson.dumps(message)), robust=True)


def _publish(message: bytes) -> None:
    try:
        client().publish(key(CHANNEL), message)
    except (redis.RedisError, OSError) as error:
        # Gate processes compare versions with the database every second and find the change without us.
        logger.warning("invalidation_not_announced", error=type(error).__name__)
