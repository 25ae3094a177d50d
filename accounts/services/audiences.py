"""To whom a broadcast goes: criteria that all have to hold. Higher apps add theirs, such as plans.

An audience is a document: for each criterion the values that fit, and `verified`, whether the address is proved. What
is left out restricts nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from accounts.models import PlatformRole, User, UserStatus
from config.common.errors import FieldError, InvalidInput

Audience = dict[str, Any]
Choices = Callable[[], Sequence[tuple[str, str]]]
Narrow = Callable[[QuerySet[User], Mapping[str, list[str]]], QuerySet[User]]


@dataclass(frozen=True, slots=True)
class Criterion:
    """Something that people are chosen by: its name, the words for it, and the values it may have."""

    name: str
    label: str
    choices: Choices


_criteria: dict[str, Criterion] = {}
_narrowings: list[Narrow] = []


def contribute(*criteria: Criterion, narrow: Narrow) -> None:
    """Add criteria to every audience from now on, and what keeps the people who fit them together."""
    if narrow in _narrowings:
        return
    _criteria.update({criterion.name: criterion for criterion in criteria})
    _narrowings.append(narrow)


def criteria() -> list[Criterion]:
    """Return every criterion, in the order in which it was added."""
    return list(_criteria.values())


def cleaned(audience: Mapping[str, Any]) -> Audience:
    """Return an audience without what restricts nothing. Raises InvalidInput for what is no criterion or no value of it."""
    faults = [fault for name, value in audience.items() for fault in _faults(name, value)]
    if faults:
        raise InvalidInput("There is no such audience.", errors=faults)
    kept = {name: sorted(set(value)) for name, value in audience.items() if isinstance(value, list)}
    restricting: Audience = {name: values for name, values in kept.items() if values}
    if audience.get("verified") is not None:
        restricting["verified"] = audience["verified"]
    return restricting


def people(audience: Mapping[str, Any]) -> QuerySet[User]:
    """Return everybody in an audience who may sign in: whoever is suspended or gone is told nothing."""
    found = User.objects.filter(status=UserStatus.ACTIVE)
    if audience.get("verified") is not None:
        found = found.filter(email_verified_at__isnull=not audience["verified"])
    for narrow in _narrowings:
        found = narrow(found, audience)
    return found


def describe(audience: Mapping[str, Any]) -> str:
    """Say in words who is in an audience."""
    parts = []
    for criterion in criteria():
        labels = dict(criterion.choices())
        values = [labels.get(value, value) for value in audience.get(criterion.name, ())]
        if values:
            parts.append(f"{criterion.label.lower()}: {' or '.join(values)}")
    if audience.get("verified") is not None:
        parts.append("verified addresses" if audience["verified"] else "unverified addresses")
    return "; ".join(parts) or "everybody"


def _faults(name: str, value: Any) -> list[FieldError]:
    if name == "verified":
        is_fine = value is None or isinstance(value, bool)
        return [] if is_fine else [_fault("#/audience/verified", "This is true, false or null.")]
    criterion = _criteria.get(name)
    if criterion is None or not isinstance(value, list):
        return [_fault(f"#/audience/{name}", "There is no such criterion.")]
    known = {choice for choice, _ in criterion.choices()}
    return [
        _fault(f"#/audience/{name}/{index}", f"It is one of {', '.join(sorted(known))}.")
        for index, wanted in enumerate(value)
        if wanted not in known
    ]


def _fault(pointer: str, message: str) -> FieldError:
    return FieldError(pointer=pointer, code="audience", message=message)


def _by_role(found: QuerySet[User], audience: Mapping[str, list[str]]) -> QuerySet[User]:
    roles = audience.get("roles")
    return found.filter(role__in=roles) if roles else found


contribute(Criterion("roles", "Platform role", lambda: PlatformRole.choices), narrow=_by_role)
