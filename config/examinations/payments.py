"""The doctor's look at payment providers: are the keys complete, and whose account do they open?"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.conf import settings

from billing.gateways import paypal, stripe
from billing.gateways.base import (
    Account,
    KeysRefused,
    ProviderFailed,
    ProviderNotUnderstood,
    ProviderUnavailable,
)
from config.examinations.findings import Finding

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class _Provider:
    name: str
    # Without any of them the provider is off; with some, it takes money that it does not hear of, or the reverse.
    secrets: tuple[str, ...]
    account: Callable[[], Account]
    remedies: Mapping[type[ProviderFailed], str]


_PROVIDERS = (
    _Provider(
        name="stripe",
        secrets=("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET"),
        account=stripe.account,
        remedies={
            KeysRefused: "set STRIPE_SECRET_KEY to a key of Stripe's dashboard that is not revoked",
            ProviderUnavailable: "let this machine reach STRIPE_API_BASE, or wait for Stripe",
            ProviderNotUnderstood: "leave STRIPE_API_BASE out, unless a stand-in is meant",
        },
    ),
    _Provider(
        name="paypal",
        secrets=("PAYPAL_CLIENT_ID", "PAYPAL_CLIENT_SECRET", "PAYPAL_WEBHOOK_ID"),
        account=paypal.account,
        remedies={
            KeysRefused: "set PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET of one app, "
            "of the kind that PAYPAL_API_BASE is for",
            ProviderUnavailable: "let this machine reach PAYPAL_API_BASE, or wait for PayPal",
            ProviderNotUnderstood: "leave PAYPAL_API_BASE out, or set it to https://api-m.paypal.com",
        },
    ),
)


def payment_providers() -> Iterator[Finding]:
    """Ask each configured provider whose account its keys open; each has five seconds."""
    yield from (_finding(provider) for provider in _PROVIDERS)


def _finding(provider: _Provider) -> Finding:
    absent = [name for name in provider.secrets if not getattr(settings, name)]
    if len(absent) == len(provider.secrets):
        return Finding(provider.name, "switched off")
    if absent:
        remedy = f"set {' and '.join(absent)}, or none of {provider.name}'s"
        return Finding(provider.name, "incomplete", remedy)
    try:
        account = provider.account()
    except ProviderFailed as failed:
        return Finding(provider.name, failed.detail, provider.remedies[type(failed)])
    return Finding(provider.name, _told(account))


def _told(account: Account) -> str:
    # It comes from outside and goes to a terminal.
    identity, name = (
        "".join(letter for letter in text if letter.isprintable())[:_LONGEST_NAME]
        for text in (account.id, account.name)
    )
    whose = f"account {identity}" if identity else "keys accepted; they may not say whose they are"
    money = "live" if account.is_live else "test"
    return f"{whose}{f' ({name})' if name else ''}, {money}"
