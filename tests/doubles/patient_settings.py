"""The tests' settings, for programs that wait for a machine that stands still.

`IMPATIENT_WITH` names the servers with which a program keeps the product's patience: "redis", "postgres" or both.
"""

# ruff: noqa: F403

import os
import sys

from config.settings.test import *
from tests.doubles import patient

_IMPATIENT_WITH = os.environ.get("IMPATIENT_WITH", "").split()

if "redis" not in _IMPATIENT_WITH:
    patient.with_redis(sys.modules[__name__])
if "postgres" not in _IMPATIENT_WITH:
    patient.with_postgres(sys.modules[__name__])
