"""Celery entry points of keys. Each makes one call into the services."""

from celery import shared_task
from django.utils import timezone

from apikeys.services import rotation
from config.common import context


@shared_task(name="apikeys.prune_secrets")
def prune_secrets() -> None:
    """Delete digests of secrets that stopped working 30 days ago."""
    with context.job("apikeys.prune_secrets"):
        rotation.prune_secrets(at=timezone.now())
