"""Production: nothing is assumed; a missing secret stops the start."""

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

env.check()
