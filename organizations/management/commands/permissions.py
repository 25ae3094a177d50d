"""Prints what each role may do, from the same data that every guard reads."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from accounts import roles as platform
from organizations import grantable, roles

_INTRODUCTION = """\
# Who may do what

This page is printed by `manage.py permissions --markdown` from the tables that every guard of API, pages, templates and
services reads; a test compares it with them, and another tries every operation of the API with every role.

## In an organization

A member has one built-in role, or a custom role of the organization's own: a set of the permissions below. Nobody gives
more than they have, neither in a role nor in an invitation nor on a single object, and nobody changes or removes a
member, or a role, that holds more. Every organization has at least one owner at any time.
"""
_CUSTOM = """
Custom roles always hold `organization:read`. Who has one ranks as a viewer where a built-in role is asked for. A role
that changes holds for its holders' next request; one that is deleted leaves them with the replacement that is named.

Beyond a role, a member can be given one permission on one object, by somebody else who has it. It ends when it is taken
away or its holder leaves. Who may change one webhook only may have it told of fewer events, and never of more.
"""
_PLATFORM = """
## On the platform

Staff are people with the role SUPER_ADMIN or ADMIN and a second factor. USER is everybody else; so far VIEWER is no more:
nothing that is staff's opens to it, whatever its column names. The back office reads the same table. Staff act on an
organization's behalf without being its members, and its audit log shows it.
"""


class Command(BaseCommand):
    """`manage.py permissions [--markdown]`"""

    help = "Print the permissions of every role, in organizations and on the platform."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the form."""
        parser.add_argument("--markdown", action="store_true", help="as docs/permissions.md")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print both matrices, and what can be given on single objects."""
        lines = _markdown() if options["markdown"] else _plain()
        self.stdout.write("\n".join(lines))


def _markdown() -> Iterator[str]:
    yield _INTRODUCTION
    yield from _table(roles.GRANTS, roles.MEANINGS)
    yield _CUSTOM
    yield "| object | permissions that can be given on it |"
    yield "|---|---|"
    for kind in grantable.kinds():
        names = ", ".join(f"`{one.value}`" for one in roles.Permission if one in kind.codenames)
        yield f"| `{kind.name}` | {names} |"
    yield _PLATFORM
    yield from _table(platform.GRANTS, platform.MEANINGS)


def _table(grants: Mapping[Any, Collection[Any]], meanings: Mapping[Any, str]) -> Iterator[str]:
    yield f"| permission | {' | '.join(role.value for role in grants)} | what it is for |"
    yield f"|---|{':-:|' * len(grants)}---|"
    for permission, meaning in meanings.items():
        cells = ("✓" if permission in held else "" for held in grants.values())
        yield f"| `{permission.value}` | {' | '.join(cells)} | {meaning} |"


def _plain() -> Iterator[str]:
    for title, grants, meanings in (
        ("In an organization", roles.GRANTS, roles.MEANINGS),
        ("On the platform", platform.GRANTS, platform.MEANINGS),
    ):
        yield f"{title}:"
        for role, held in grants.items():
            names = [permission.value for permission in meanings if permission in held]
            yield f"  {role.value:<12} {', '.join(names) or 'nothing'}"
