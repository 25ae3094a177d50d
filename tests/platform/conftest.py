"""Payment providers of the tests' own."""

from tests.doubles.payment_fixtures import paypal_server, stripe_server

__all__ = ["paypal_server", "stripe_server"]
