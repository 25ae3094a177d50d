"""`make bench`: measures on this machine and prints the tables that docs/performance.md keeps.

ARGS="--rounds 5 --seconds 4" are the defaults of the comparison; --quick is one short round to see that all of it runs.
"""

# ruff: noqa: PLC0415  (Django is set up before anything of the product is imported)

import argparse
import os
import platform
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import machine


def main() -> None:
    """Start the servers on the load's core, everyone else on the server's, and measure."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--lists", action="store_true", help="measure the API's lists only")
    parser.add_argument("--profile", default="", help="a list of which to print the profile")
    options = parser.parse_args()
    rounds, seconds = (1, 1.0) if options.quick else (options.rounds, options.seconds)
    machine.settle()

    from tests import servers

    databases = servers.provide()
    databases.clone()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings.test"
    import django

    django.setup()
    try:
        print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs; "
              f"medians of {rounds} interleaved rounds of {seconds:g} s, wrk -t1 -c32\n")  # fmt: skip
        print(_lists(databases.clone, rounds, options.profile))
        if not options.lists:
            print(_comparison(databases.clone, rounds, seconds))
    finally:
        from django.db import connections

        connections.close_all()
        databases.drop()


def _lists(renew: Callable[[], None], rounds: int, profiled: str) -> str:
    from django.db import connections

    from bench.lists import lists
    from tests.doubles.house import open_house

    def fresh() -> None:
        connections.close_all()
        renew()

    with open_house(fresh) as house:
        return lists(house, rounds=rounds, profiled=profiled)


def _comparison(renew: Callable[[], None], rounds: int, seconds: float) -> str:
    import redis
    from django.conf import settings
    from django.db import connections

    from bench.compare import compare
    from bench.contestants import Field
    from bench.load import Wrk
    from bench.report import report
    from tests.doubles.house import open_house
    from tests.doubles.stack import running_stack

    def fresh() -> None:
        connections.close_all()
        renew()

    client = redis.Redis.from_url(settings.REDIS_URL)

    def between() -> None:
        # Nobody ingests here: the stream would only fill the memory.
        client.xtrim(f"{settings.REDIS_PREFIX}usage", maxlen=0)

    with (
        tempfile.TemporaryDirectory(prefix="tollgate-bench-") as name,
        open_house(fresh) as house,
        running_stack(Path(name)) as stack,
    ):
        Path(name).chmod(0o755)
        house.rule("/leased/*", mode="leased")
        everyone = Field(stack, house, Wrk(Path(name)))
        everyone.enter_all()
        return report(compare(everyone, rounds=rounds, seconds=seconds, between=between))


if __name__ == "__main__":
    main()
