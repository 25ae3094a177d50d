"""Where the consumers of a feed are."""

from organizations.models import Organization
from webhooks.models import FeedPosition


def position_of(organization: Organization, consumer: str) -> int:
    """Return up to where a consumer has dealt with the feed; 0 for one that never said."""
    found = FeedPosition.objects.filter(organization=organization, consumer=consumer)
    return found.values_list("position", flat=True).first() or 0
