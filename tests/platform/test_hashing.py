"""Passwords are hashed beside the gate: while many people sign in at once, it goes on answering."""

import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection

from accounts.services import registration
from tests.doubles.fixtures import house, stack  # noqa: F401  fixtures
from tests.factories.accounts import PASSWORD
from tests.patience import Machine

PEOPLE = 16
SIGN_INS = 48
LOGIN = "/api/v1/auth/login"


def sign_in(port, number):
    """Sign one of the people in."""
    body = json.dumps({"email": f"person{number % PEOPLE}@house.test", "password": PASSWORD})
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", LOGIN, body, {"Content-Type": "application/json"})
        return connection.getresponse().status


def ask_until(is_over, port, secret):
    """Ask the gate on one connection until told, and return its statuses and how long each answer took."""
    statuses, seconds = set(), []
    with closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        while not is_over():
            begun = time.perf_counter()
            connection.request("GET", "/gateway/authorize", headers={"X-API-Key": secret})
            response = connection.getresponse()
            response.read()
            statuses.add(response.status)
            seconds.append(time.perf_counter() - begun)
    return statuses, seconds


def test_the_gate_answers_while_many_sign_in(house, stack):  # noqa: F811
    gate = stack.gate()
    secret = house.key().secret
    for number in range(PEOPLE):
        registration.open_account(email=f"person{number}@house.test", password=PASSWORD)
    sign_in(gate.port, 0)
    ask_until(iter([False] * 50 + [True]).__next__, gate.port, secret)

    with ThreadPoolExecutor(PEOPLE) as people, Machine() as machine:
        begun = time.perf_counter()
        tries = [people.submit(sign_in, gate.port, number) for number in range(SIGN_INS)]
        statuses, seconds = ask_until(lambda: all(one.done() for one in tries), gate.port, secret)
        took = time.perf_counter() - begun

    assert [one.result() for one in tries] == [200] * SIGN_INS
    assert statuses == {204}
    assert len(seconds) > SIGN_INS
    # Were passwords hashed where the gate answers, each answer would wait for one hash at least, some for many.
    assert statistics.median(seconds) < took / SIGN_INS / 2
    assert max(seconds) < took / 2 + machine.stood_still
