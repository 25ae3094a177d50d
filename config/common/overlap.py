"""How long a replaced secret may live on beside the new one."""

from config.common.errors import InvalidInput


def require_overlap(seconds: int, *, at_most: int) -> None:
    """Raise InvalidInput unless an old secret may live on for so many seconds."""
    if not 0 <= seconds <= at_most:
        raise InvalidInput.at(
            "#/overlap_seconds",
            code="out_of_range",
            message=f"The overlap is a whole number of seconds from 0 to {at_most}.",
            fix="Use 0 to stop the old secret at once, 86400 for a day.",
        )
