"""Payment providers of the tests' own, and a certificate."""

from tests.doubles.certificate import certificate
from tests.doubles.payment_fixtures import paypal_server, stripe_server

__all__ = ["certificate", "paypal_server", "stripe_server"]
