"""Schemathesis against a running web process: what it makes of the OpenAPI document is answered as the document says."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.conftest import Callers

KINDS = ("anonymous", "member", "owner", "staff", "key")
_SETTINGS = Path(__file__).with_name("schemathesis.toml")
# They end the caller's own session, or the caller: whoever runs them would find nothing but 401 afterwards.
SUICIDAL = (
    "auth_logout_all",
    "users_me_sessions_end",
    "users_me_session_end",
    "users_me_password",
    "users_me_deletion_request",
    "admin_users_suspend",
    "organizations_close",
    "organizations_members_remove",
)


def fuzz(callers: Callers, caller: str, directory: Path, *options: str) -> None:
    """Run the command line of Schemathesis and show what it found, if it found anything."""
    headers = [f"{name}: {value}" for name, value in callers.headers[caller].items()]
    done = subprocess.run(
        [
            *(str(Path(sys.executable).with_name("st")), "--config-file", str(_SETTINGS)),
            *("run", f"{callers.url}/api/v1/schema"),
            *("--url", callers.url, "--no-color", "--warnings", "off", "--max-response-time", "20"),
            *("--generation-deterministic", "--suppress-health-check", "all"),
            *(part for header in headers for part in ("-H", header)),
            *(part for name in SUICIDAL for part in ("--exclude-operation-id", name)),
            *options,
        ],
        cwd=directory,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{caller}:\n{done.stdout[-20_000:]}\n{done.stderr[-3_000:]}"


@pytest.mark.parametrize("caller", ["owner", pytest.param("key", marks=pytest.mark.trial)])
def test_the_document_is_true(callers: Callers, tmp_path: Path, caller):
    options = ("--phases", "examples,fuzzing", "--max-examples", "1")

    fuzz(callers, caller, tmp_path, *options)


@pytest.mark.trial
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("caller", KINDS)
def test_all_phases_and_checks(callers: Callers, tmp_path: Path, caller):
    fuzz(callers, caller, tmp_path, "--checks", "all", "--max-examples", "20")
