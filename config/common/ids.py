"""Ids of rows as people and clients write them."""

_MOST_DIGITS = 18  # whatever has no more fits into a bigint


def id_in(text: str) -> int | None:
    """Return the id that a text is; None where it is anything else."""
    is_id = text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS
    return int(text) if is_id else None
