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
    from django.db import InterfaceError, OperationalError  # noqa: PLC0415  (as above)

    try:
        execute_from_command_line(sys.argv)
    except (OperationalError, InterfaceError) as away:
        # Nothing that the program did wrong: its operator needs the reason, not the place in the code.
        sys.exit(f"tollgate: the database does not serve: {str(away).partition(chr(10))[0]}")


if __name__ == "__main__":
    main()
