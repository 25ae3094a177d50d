"""What the forms of the back office tell."""

from typing import Any


def faults_of(answer: Any) -> dict[str, list[str]]:
    """Return what a refused form says, by field; `__all__` is what it says above them."""
    return dict(answer.context["adminform"].form.errors)
