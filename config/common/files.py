"""Files that jobs clear away while others write and delete them, and the room that there is for more."""

import shutil
from datetime import datetime
from pathlib import Path

_MEGABYTE = 1024 * 1024


def older_than(moment: datetime, folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that were written before then; those that go meanwhile are gone."""
    return sorted(path for path in folder.glob(pattern) if _is_older(path, moment))


def _is_older(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False


def space_under(path: Path) -> tuple[Path, int]:
    """Return the nearest directory that is there already, and how many megabytes are free in it."""
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    return existing, shutil.disk_usage(existing).free // _MEGABYTE
