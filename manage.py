#!/usr/bin/env python
"""Run a management command; `manage.py up` starts everything."""

import os
import sys


def main() -> None:
    """Hand the command line to Django."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415  (may be missing)
    except ModuleNotFoundError as missing:
        sys.exit(f"tollgate: {missing}; run `make run`, which installs the packages first")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
