"""What every row made in bulk is made of: a number, whether it has what may be missing, and a time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

COUNT = 50
AWKWARD = '"Naïve" \u2028 \\ 日本 </script>'


def numbered() -> Iterator[tuple[int, bool, datetime]]:
    """Yield numbers, whether the row has what may be missing, and times, some of whole seconds and some the same."""
    begun = timezone.now() - timedelta(hours=1)
    for number in range(COUNT):
        at = begun + timedelta(seconds=number // 2)
        yield number, number % 2 == 1, at.replace(microsecond=0) if number % 3 else at
