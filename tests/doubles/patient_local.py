"""The settings of the embedded run, for one that waits for a machine that stands still."""

# ruff: noqa: F403

import sys

from config.settings.local import *
from tests.doubles import patient

patient.with_redis(sys.modules[__name__])
patient.with_postgres(sys.modules[__name__])
