"""Why staff or an operator does something to others. It is kept in the audit log, where people read it."""

from config.common import names
from config.common.errors import InvalidInput

MAX_LENGTH = 300


def require(reason: str) -> None:
    """Raise InvalidInput for a reason that says nothing, does not read as it is written, or is too long."""
    if len(reason) > MAX_LENGTH:
        raise InvalidInput.at(
            "#/reason",
            code="max_length",
            message=f"The reason has {len(reason)} characters.",
            fix=f"Say it in {MAX_LENGTH}.",
        )
    message = names.fault_of(reason, called="A reason")
    if message is not None:
        raise InvalidInput.at("#/reason", code="reason", message=message)
