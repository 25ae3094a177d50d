"""Production: nothing is assumed; a missing secret stops the start."""

from urllib.parse import urlsplit

from config.settings.api import *
from config.settings.base import *
from config.settings.env import env
from config.settings.jobs import *
from config.settings.logging import *
from config.settings.observability import *
from config.settings.payments import *
from config.settings.security import *

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "servestatic.storage.CompressedManifestStaticFilesStorage"},
}

# What would be unsafe however the rest is set stops the start, as a missing setting does.
if urlsplit(PUBLIC_URL).scheme != "https":
    env.problem("PUBLIC_URL", "must begin with https: passwords and cookies travel to it")
if "*" in ALLOWED_HOSTS:
    env.problem("ALLOWED_HOSTS", "must name the hosts: with * anyone chooses them")
if len(SECRET_KEY) < 50:
    env.problem("SECRET_KEY", "must have at least 50 characters")
if urlsplit(EMAIL_URL).scheme in {"console", "memory"}:
    env.problem("EMAIL_URL", "must lead to a mail server or to files: this one shows or loses mail")

env.check()
