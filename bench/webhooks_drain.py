"""A process that sends webhooks on the server's core, from the first line of its input on.

`python -m bench.webhooks_drain SECONDS`.
"""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")

import django

django.setup()

from bench import machine  # noqa: E402  isort: skip
from config.common import memory  # noqa: E402  isort: skip
from webhooks.services import sending  # noqa: E402  isort: skip

if __name__ == "__main__":
    os.sched_setaffinity(0, {machine.SERVER_CORE})
    seconds = float(sys.argv[1])
    # As a worker is that has sent something before.
    sending.drain()
    memory.settle()
    print("ready", flush=True)
    sys.stdin.readline()
    sending.drain(seconds=seconds, linger=seconds)
