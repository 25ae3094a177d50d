"""Celery entry points of keys. Each makes one call into the services."""

from celery import shared_task
from django.utils import timezone

from apikeys.services import key_policy, returns, rotation
from config.common import context


@shared_task(name="apikeys.prune_secrets")
def prune_secrets() -> None:
    """Delete digests of secrets that stopped working 30 days ago."""
    with context.job("apikeys.prune_secrets"):
        rotation.prune_secrets(at=timezone.now())


@shared_task(name="apikeys.tell_of_outdated")
def tell_of_outdated() -> None:
    """Tell owners of the keys that have grown older than their security policy allows."""
    with context.job("apikeys.tell_of_outdated"):
        key_policy.tell_of_those_grown_old(at=timezone.now())


@shared_task(name="apikeys.settle_returns")
def settle_returns() -> None:
    """Lower Redis's counters by units of calls that turned out not to count, where that is owed still."""
    with context.job("apikeys.settle_returns"):
        returns.settle()
