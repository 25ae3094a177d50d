"""Tests: real servers whose addresses the session's bootstrap puts into the environment, and secrets of no value."""

# ruff: noqa: E402, I001  (what is assumed must be known before the other modules read it)

import base64

from config.settings.env import env

env.assume(
    {
        "SECRET_KEY": "test-secret-key-of-no-value-whatsoever-0123456789abcdef",
        "JWT_SIGNING_KEYS": "t2:second-signing-key-of-no-value-1,t1:first-signing-key-of-no-value-12",
        "ENCRYPTION_KEYS": f"e2:{base64.b64encode(b'2' * 32).decode()},e1:{base64.b64encode(b'1' * 32).decode()}",
        "KEY_PEPPERS": "2:" + "22" * 32 + ",1:" + "11" * 32,
        "DATABASE_URL": "postgresql:///tollgate",
        "REDIS_URL": "redis://127.0.0.1:6379/0",
        "PUBLIC_URL": "http://testserver",
        "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
        "EMAIL_URL": "memory:",
        "LOG_LEVEL": "WARNING",
        "LOG_FORMAT": "text",
    }
)

from config.settings.base import *
from config.settings.api import *
from config.settings.jobs import *
from config.settings.logging import *
from config.settings.observability import *
from config.settings.payments import *
from config.settings.security import *

# The tests' own process, which also serves `live_server`, waits out a machine that stands still for seconds: sixteen
# racers that connect at once would all be answered 503 when their three seconds are over. Programs keep the product's.
if "pool" not in DATABASES["default"]["OPTIONS"]:
    DATABASES["default"]["OPTIONS"]["connect_timeout"] = 30

CORS_ALLOWED_ORIGINS = ["https://app.example.com"]
WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
GATEWAY_TRUSTED_PROXIES = ["127.0.0.0/8"]
STATIC_FROM_SOURCE = True

env.check()
