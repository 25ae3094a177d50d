"""Caddy with the shipped configuration: what every proxy must do, and what is Caddy's own."""

import os
import shutil
import subprocess

import pytest

from config.embedded.place import BASE_DIR
from tests.doubles.stack import Gate, Proxy, Stack
from tests.doubles.upstream import Upstream
from tests.proxy.any_proxy import *  # noqa: F403
from tests.proxy.any_proxy_attacked import *  # noqa: F403

pytestmark = [
    pytest.mark.proxy,
    pytest.mark.skipif(shutil.which("caddy") is None, reason="Caddy is not installed"),
]


@pytest.fixture(scope="module")
def proxy(stack: Stack, gate: Gate, api: Upstream) -> Proxy:
    """The running Caddy."""
    return stack.caddy(gate.port, api.port)


@pytest.fixture(scope="module")
def before(stack: Stack, gate: Gate) -> Before:  # noqa: F405
    """Start another Caddy before another API."""
    return lambda port: stack.caddy(gate.port, port, name=f"caddy-{port}", patience="1s")


def test_the_file_is_a_configuration_as_it_stands(tmp_path: os.PathLike[str]) -> None:
    checked = subprocess.run(
        ["caddy", "validate", "--config", str(BASE_DIR / "deploy" / "caddy" / "Caddyfile")],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )

    assert checked.returncode == 0, checked.stderr
    assert "not formatted" not in checked.stderr
