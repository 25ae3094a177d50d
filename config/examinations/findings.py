"""What an examination comes to."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; a finding with a remedy is wrong."""

    subject: str
    state: str
    remedy: str = ""
