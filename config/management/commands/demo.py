"""Fill an empty embedded installation with demo data."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from analytics.services import ingest, outcomes
from config.common import context
from config.demo import hooks, people, product, traffic


class Command(BaseCommand):
    """People, organizations, webhooks, keys, an API and a month of calls."""

    help = "Fill an empty embedded installation with demo data."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Refuse anywhere but in an empty embedded installation, then make everything."""
        if not settings.EMBEDDED:
            raise CommandError("Demo data has known passwords; it is for the embedded run only.")
        if User.objects.exists():
            raise CommandError("There are people here already; demo data is for an empty database.")
        with context.command("demo"):
            count = self._fill()
        self.stdout.write(f"The demo stands, with {count} calls of the last {traffic.DAYS} days.")

    def _fill(self) -> int:
        with transaction.atomic():
            staff = people.create_staff(settings.DEMO_PASSWORD)
            acme = people.create_customers(settings.DEMO_PASSWORD)
            owner = User.objects.get(email="owner@demo.test")
            api = product.create_api(staff)
            webhook_secret = hooks.create_webhooks(acme, owner)
            keys, secret = product.create_keys(acme, owner)
            kept = {"DEMO_API_KEY": secret, "DEMO_WEBHOOK_SECRET": webhook_secret}
            settings.PLACE.remember("demo.env", kept)
        reports = traffic.send(api, keys, until=timezone.now())
        ingest.drain()
        with transaction.atomic():
            ingest.wait_for_checkpoint()
            outcomes.apply_reports(reports)
        return len(reports)
