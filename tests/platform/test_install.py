"""`.ci/install` makes the environment once and says in one line what a machine lacks."""

import os
import shutil
import subprocess

import pytest

from config.embedded.place import BASE_DIR

WITHOUT_VENV = """#!/bin/sh
case "$2" in *ensurepip*) exit 1 ;; *) exit 0 ;; esac
"""
ABSENT = "#!/bin/sh\nexit 1\n"


@pytest.fixture
def checkout(tmp_path):
    """A checkout with the install script and requirements, on a machine without uv."""
    for name in (".ci", "requirements"):
        shutil.copytree(BASE_DIR / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "uv", ABSENT)
    return tmp_path


def program(path, text):
    path.write_text(text)
    path.chmod(0o755)


def install(checkout, **environment):
    path = f"{checkout / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        [".ci/install", "base"],
        cwd=checkout,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
    )


def test_machine_without_python_is_told(checkout):
    tried = install(checkout, PYTHON="/no/such/python")

    assert tried.returncode == 1
    assert tried.stderr == (
        "tollgate: Python 3.11 or newer is needed; install it, or name it: "
        "PYTHON=/path/to/python3 make run\n"
    )


def test_machine_without_venv_is_told(checkout):
    program(checkout / "bin" / "half-python", WITHOUT_VENV)

    tried = install(checkout, PYTHON="half-python")

    assert tried.returncode == 1
    assert tried.stderr == (
        "tollgate: half-python has no venv module; install it first "
        "(Debian, Ubuntu: apt install python3-venv)\n"
    )
    assert not (checkout / ".venv").exists()


def test_failed_installation_is_told_and_tried_again(checkout):
    (checkout / "requirements" / "base.txt").write_text("no-such-package==1.0\n")

    for _ in range(2):
        tried = install(checkout, PIP_NO_INDEX="1")

        assert tried.returncode == 1
        assert tried.stderr.endswith(
            "tollgate: the packages cannot be installed; "
            "the lines above say why (network, proxy, disk)\n"
        )


def test_environment_is_made_anew_only_when_it_must(checkout):
    (checkout / "requirements" / "base.txt").write_text("# nothing\n")
    (checkout / ".venv" / "bin").mkdir(parents=True)
    program(checkout / ".venv" / "bin" / "python", ABSENT)
    first = install(checkout)
    assert first.returncode == 0
    assert first.stdout.startswith("tollgate: .venv does not work any more and is made anew\n")

    again = install(checkout)
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")

    (checkout / "requirements" / "base.txt").write_text("# nothing more\n")
    assert install(checkout).stdout == (
        "tollgate: installing the packages of requirements/base.txt into .venv\n"
    )
