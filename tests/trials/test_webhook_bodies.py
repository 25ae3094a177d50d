"""Hostile answers cost little memory, and their places are free again in time."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from config.embedded.place import BASE_DIR
from tests.doubles.receiver import running_receiver
from tests.patience import Machine

PATHS = ["/endless", "/bomb", "/endless-head", "/endless-trailer", "/drip", "/hang"]
# A process of its own, so that nothing but the client weighs: twenty requests at once to each hostile path. Prints how
# much its largest size grew, in kB, and how long the slowest request took.
SCRIPT = """
import asyncio, json, resource, sys
import django
django.setup()
from config.common.http import Client

async def main(urls):
    async with Client() as client:
        async def post(url):
            return await client.post(url, headers={"Content-Type": "application/json"}, body=b"{}")
        await post(urls[0].rsplit("/", 1)[0] + "/status/200")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answers = await asyncio.gather(*(post(url) for url in urls for _ in range(20)))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([after - before, max(answer.seconds for answer in answers), max(len(a.body) for a in answers)]))

asyncio.run(main(sys.argv[1:]))
"""


@pytest.mark.trial
def test_a_hundred_hostile_answers_weigh_less_than_thirty_megabytes():
    with running_receiver() as receiver, Machine() as machine:
        answer = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(SCRIPT), *map(receiver.url, PATHS)],
            cwd=BASE_DIR,
            env=os.environ,
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )

    grown, slowest, kept = json.loads(answer.stdout)
    assert grown < 30 * 1024
    assert slowest < 15 + 2 + machine.stood_still
    assert kept == 16 * 1024
