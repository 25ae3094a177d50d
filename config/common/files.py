"""Files that jobs clear away while others write and delete them."""

from datetime import datetime
from pathlib import Path


def older_than(moment: datetime, folder: Path, pattern: str) -> list[Path]:
    """Return the files of a folder that were written before then; those that go meanwhile are gone."""
    return sorted(path for path in folder.glob(pattern) if _is_older(path, moment))


def _is_older(path: Path, moment: datetime) -> bool:
    try:
        return path.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False
