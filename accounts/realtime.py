"""What open pages of a person are told at once. Nothing here is a truth: a lost push is seen on the next page."""

from collections.abc import Sequence

import redis.exceptions
import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

logger = structlog.get_logger(__name__)
# A push to more people at once than this is not worth its time: they see the notice on their next page.
_MOST = 500


def group(user_id: int) -> str:
    """Return the name of the channel group of a person's open pages."""
    return f"person.{user_id}"


def tell(user_ids: Sequence[int]) -> None:
    """Tell open pages that their person has a notice. Redis away is no reason to fail."""
    try:
        async_to_sync(_send)(user_ids[:_MOST])
    except (redis.exceptions.RedisError, OSError) as error:
        logger.warning("notices_not_pushed", error=type(error).__name__)


async def _send(user_ids: Sequence[int]) -> None:
    layer = get_channel_layer()  # type: ignore[no-untyped-call]
    for user_id in user_ids:
        await layer.group_send(group(user_id), {"type": "person.notice"})
