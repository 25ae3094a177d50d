"""Stripe, dj-stripe and PayPal: whose keys, and where they are sent. Payments are not taken yet."""

import re
from urllib.parse import urlsplit

from config.settings.env import env

_STRIPE = "https://api.stripe.com"
_PAYPAL_SANDBOX = "https://api-m.sandbox.paypal.com"
_PAYPAL_LIVE = ("https://api-m.paypal.com", "https://api.paypal.com")

STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE = env.origin("STRIPE_API_BASE", _STRIPE)
# dj-stripe mirrors objects as this version has them, which is older than the client's own.
STRIPE_API_VERSION = "2026-05-27.dahlia"
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))

DJSTRIPE_SUBSCRIBER_MODEL = "organizations.Organization"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"

PAYPAL_CLIENT_ID = env.text("PAYPAL_CLIENT_ID", "")
PAYPAL_CLIENT_SECRET = env.text("PAYPAL_CLIENT_SECRET", "")
PAYPAL_WEBHOOK_ID = env.text("PAYPAL_WEBHOOK_ID", "")
# PayPal's keys do not show what they are for: real money moves only where this says so.
PAYPAL_API_BASE = env.origin("PAYPAL_API_BASE", _PAYPAL_SANDBOX)
PAYPAL_LIVE_MODE = PAYPAL_API_BASE in _PAYPAL_LIVE

if STRIPE_SECRET_KEY and not re.fullmatch(r"[sr]k_(test|live)_\w+", STRIPE_SECRET_KEY, re.ASCII):
    env.problem(
        "STRIPE_SECRET_KEY", "is no secret key: those begin with sk_ or rk_, test_ or live_"
    )
if STRIPE_WEBHOOK_SECRET and not STRIPE_WEBHOOK_SECRET.startswith("whsec_"):
    env.problem("STRIPE_WEBHOOK_SECRET", "is no signing secret: those begin with whsec_")
if STRIPE_LIVE_MODE and STRIPE_API_BASE != _STRIPE:
    env.problem("STRIPE_API_BASE", "must be left out with a live key: others would be sent it")
for _name, _base in (("STRIPE_API_BASE", STRIPE_API_BASE), ("PAYPAL_API_BASE", PAYPAL_API_BASE)):
    _parts = urlsplit(_base)
    if _parts.scheme == "http" and _parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        env.problem(_name, "must begin with https: keys travel to it")
