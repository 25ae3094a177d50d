"""Describe an API to the gate: `manage.py create_api "Orders" --base-path /orders --host api.example.com`."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.utils.text import slugify

from apikeys.models import Modes, UnknownRoutePolicies
from apikeys.services import apis
from config.common.commands import DomainCommand


class Command(DomainCommand):
    """Route rules are added in the back office."""

    help = "Describe an API that is sold behind the gate."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what the API is told."""
        parser.add_argument("name")
        parser.add_argument("--slug", help="made of the name if left out")
        parser.add_argument("--base-path", default="/")
        parser.add_argument("--host", action="append", default=[], help="may be repeated")
        parser.add_argument("--upstream-note", default="", help="where it is, for staff to read")
        parser.add_argument("--default-scope", default="")
        parser.add_argument("--default-cost", type=int, default=1, help="in units")
        parser.add_argument("--default-meter", default="calls")
        parser.add_argument("--mode", choices=Modes.values, default=Modes.STRICT)
        parser.add_argument(
            "--unknown-routes",
            choices=UnknownRoutePolicies.values,
            default=UnknownRoutePolicies.ALLOW,
        )

    def act(self, options: dict[str, Any], at: datetime) -> None:
        """Describe the API."""
        api = apis.create_api(
            settings={
                "name": options["name"],
                "slug": options["slug"] or slugify(options["name"]),
                "base_path": options["base_path"],
                "hosts": options["host"],
                "upstream_note": options["upstream_note"],
                "default_scope": options["default_scope"],
                "default_cost": options["default_cost"],
                "default_meter": options["default_meter"],
                "mode": options["mode"],
                "unknown_route_policy": options["unknown_routes"],
            },
            by=None,
            at=at,
        )
        self.stdout.write(f"API {api.slug} is described, with id {api.pk}.")
