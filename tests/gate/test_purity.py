"""The core of the gate knows neither Django nor a server."""

import subprocess
import sys

CORE = [
    "frontend",
    "engine",
    "forward_auth",
    "verify",
    "leases",
    "link",
    "store",
    "records",
    "routes",
    "plans",
    "assertion",
]


def test_core_imports_no_django_and_no_server():
    program = f"""
import importlib, sys
import config  # brings the Celery application along, which is the roof's doing
before = set(sys.modules)
for name in {CORE}:
    importlib.import_module(f"apikeys.gateway.{{name}}")
print(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} & {{"django", "rest_framework", "uvicorn", "redis"}}))
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert told.stdout.strip() == "[]"
