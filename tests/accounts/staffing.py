"""A member of staff who may do everything now."""

from django.utils import timezone
from rest_framework.test import APIClient

from accounts.services import sessions


def staff_client(person):
    """Return an API client of a person whose session gave a second factor."""
    pair = sessions.start(
        user=person, at=timezone.now(), proof=sessions.Proof(second_factor_at=timezone.now())
    )
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return client
