"""The backend as Django looks for it. Web processes take their connections from a pool, which has a class of its own."""

from types import SimpleNamespace
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from config.common.patient_connection import WatchfulConnection


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's own, but for how it connects."""

    Database: Any = SimpleNamespace(**{**vars(psycopg), "connect": WatchfulConnection.connect})
