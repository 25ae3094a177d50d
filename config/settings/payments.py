"""Stripe, dj-stripe and PayPal. Their settings are read and checked; payments are not taken yet."""

from config.settings.env import env

STRIPE_SECRET_KEY = env.text("STRIPE_SECRET_KEY", "")
STRIPE_WEBHOOK_SECRET = env.text("STRIPE_WEBHOOK_SECRET", "")
STRIPE_API_BASE = env.url("STRIPE_API_BASE", "https://api.stripe.com", schemes=("https", "http"))
STRIPE_API_VERSION = "2026-05-27.dahlia"
STRIPE_LIVE_MODE = STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_"))

DJSTRIPE_SUBSCRIBER_MODEL = "organizations.Organization"
DJSTRIPE_FOREIGN_KEY_TO_FIELD = "id"

PAYPAL_CLIENT_ID = env.text("PAYPAL_CLIENT_ID", "")
PAYPAL_CLIENT_SECRET = env.text("PAYPAL_CLIENT_SECRET", "")
PAYPAL_WEBHOOK_ID = env.text("PAYPAL_WEBHOOK_ID", "")
PAYPAL_API_BASE = env.url("PAYPAL_API_BASE", "https://api-m.paypal.com", schemes=("https", "http"))
# Hosts from which a webhook's certificate may be fetched; anything else is a forgery.
PAYPAL_CERT_HOSTS = env.items("PAYPAL_CERT_HOSTS", "api.paypal.com,api-m.paypal.com")
