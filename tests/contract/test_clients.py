"""Clients that generators make of the OpenAPI document compile and work as they are.

The one for Python is among the test tools; those for TypeScript come from npm when the trial runs, which is skipped with a
message without npm or a network.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from apikeys.models import ApiKey
from tests.contract.conftest import Callers

pytestmark = [pytest.mark.trial, pytest.mark.timeout(900)]
HERE = Path(__file__).parent
GENERATOR = Path(sys.executable).with_name("openapi-generator-cli")
NPM = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", "@types/node@20")


@pytest.fixture
def description(callers: Callers, tmp_path: Path) -> Path:
    """Return a file with the document as it is served."""
    file = tmp_path / "openapi.json"
    file.write_bytes(httpx.get(f"{callers.url}/api/v1/schema", timeout=60).content)
    return file


def run(*command: str, cwd: Path, installs: bool = False) -> str:
    """Run a program and return what it says; what cannot be installed is a reason to skip."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if installs and done.returncode != 0:
        pytest.skip(f"cannot install a generator: {done.stderr[-300:]}")
    assert done.returncode == 0, (done.stdout + done.stderr)[-5_000:]
    return done.stdout


def require_use(told: str) -> None:
    """Require that a client made a key, saw it in its walk, each once, and could read the error."""
    used = json.loads(told)
    assert used["key"].startswith("tg_test_")
    assert used["made"] in used["ids"]
    assert len(used["ids"]) == len(set(used["ids"])) > 1
    assert used["code"] == "not_found"
    assert ApiKey.objects.filter(pk=used["made"], environment="test").exists()


@pytest.mark.django_db
def test_a_python_client_works(callers: Callers, description: Path, tmp_path: Path):
    if not GENERATOR.exists():
        pytest.skip("openapi-generator-cli is not installed: see requirements/dev.in")
    options = ("-g", "python", "-o", "client", "--package-name", "tollgate_client")
    run(str(GENERATOR), "generate", "-i", str(description), *options, cwd=tmp_path)
    run(sys.executable, "-m", "compileall", "-q", "client/tollgate_client", cwd=tmp_path)
    shutil.copy(HERE / "use_client.py.txt", tmp_path / "client" / "use_client.py")

    command = (sys.executable, "use_client.py", callers.url, token_of(callers))
    told = run(*command, cwd=tmp_path / "client")

    require_use(told)
    assert json.loads(told)["event"] == "PRO"


@pytest.mark.django_db
def test_a_typescript_client_works(callers: Callers, description: Path, tmp_path: Path):
    if shutil.which("npm") is None:
        pytest.skip("npm is not on this machine")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    run("npm", "install", "--silent", *NPM, cwd=tmp_path, installs=True)
    run("npx", "openapi-typescript", str(description), "-o", "schema.d.ts", cwd=tmp_path)
    shutil.copy(HERE / "use_client.ts", tmp_path)
    options = ("--strict", "--target", "es2022", "--module", "nodenext", "--outDir", ".")
    run("npx", "tsc", *options, "use_client.ts", cwd=tmp_path)

    told = run("node", "use_client.js", callers.url, token_of(callers), cwd=tmp_path)

    require_use(told)


def token_of(callers: Callers) -> str:
    return callers.headers["owner"]["Authorization"].removeprefix("Bearer ")
