"""Tell many people something: `manage.py broadcast "Maintenance" --body-file words.txt --to plans=PRO --dry-run`."""

from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import services
from accounts.services.audiences import Audience
from accounts.services.broadcasts import Words
from config.common.commands import DomainCommand, counted


class Command(DomainCommand):
    """Sends a message about the service by mail and in the portal; jobs carry it out."""

    help = "Send a message about the service to many people, by mail and in the portal."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the words, the ways and the audience."""
        parser.add_argument("title")
        parser.add_argument("--body-file", required=True, help="plain text; - reads from the input")
        parser.add_argument("--link", default="", help="a path of the portal, such as /usage/")
        parser.add_argument(
            "--to",
            action="append",
            default=[],
            metavar="CRITERION=VALUE",
            help="roles=ADMIN, organization_roles=OWNER, plans=PRO or verified=yes; again for more",
        )
        parser.add_argument("--no-mail", action="store_true")
        parser.add_argument("--no-notice", action="store_true")
        parser.add_argument("--dry-run", action="store_true", help="only say whom it would reach")

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Count, and send unless it is a dry run."""
        audience = _audience(options["to"])
        words = Words(
            title=options["title"],
            body=_text(options["body_file"]),
            link=options["link"],
            by_mail=not options["no_mail"],
            in_app=not options["no_notice"],
        )
        services.broadcasts.require_sendable(words)
        if options["dry_run"]:
            reach = services.broadcasts.preview(audience)
            people = counted(reach.people, "person", "people")
            self.stdout.write(f"It would reach {people}, {reach.by_mail} by mail.")
            return
        sent = services.broadcasts.announce(words=words, audience=audience, by=None, at=at)
        self.stdout.write(
            f"Broadcast {sent.pk} is on its way to {counted(sent.people_total, 'person', 'people')}."
        )


def _text(name: str) -> str:
    try:
        return Path("/dev/stdin" if name == "-" else name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"The text cannot be read: {error}") from None


def _audience(chosen: list[str]) -> Audience:
    audience: Audience = {}
    for choice in chosen:
        name, _, value = choice.partition("=")
        if name == "verified":
            audience["verified"] = {"yes": True, "no": False}.get(value, value)
        else:
            audience.setdefault(name, []).append(value)
    return audience
