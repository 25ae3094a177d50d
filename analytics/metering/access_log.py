"""The proxy's JSON access log: which file to read on, the lines in it, and what they say about calls.

The log may be renamed and begun anew, or copied and emptied, at any time, also while nobody reads. A file is known by
its first bytes, since an inode is given to another file soon after.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from analytics.metering.tallies import Report

CHUNK_BYTES = 1024 * 1024
_HEAD_BYTES = 256
_PACKED = (".gz", ".bz2", ".xz", ".zst")
_LONGEST_MS = 2**31 - 1
# A line beyond these is damaged; what is stored of it could not be read as a time again, or its sum not be kept.
_LATEST_MS = 4_102_444_800_000  # the year 2100
_MOST_BYTES = 2**50


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which file reading goes on; `head` is the digest of the file's first bytes before the offset."""

    inode: int = 0
    offset: int = 0
    head: str = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines, and the place behind them."""

    lines: list[bytes]
    place: Place


def next_chunk(path: Path, place: Place, *, not_before: float, quiet_before: float) -> Chunk | None:
    """Return the next lines of the log, or None when there are none for now.

    When the file at hand was rotated away and has been quiet since `quiet_before`, the next one is begun. Without the
    file at hand, reading goes on with the oldest one changed since `not_before`: a report counts once however often
    it is read.
    """
    files = _files(path)
    here = next((i for i, file in enumerate(files) if _is_at(file, place)), None)
    if here is None:
        later = [f for f in files if f == path or (place.head and f.stat().st_mtime >= not_before)]
        return _read(later[0], 0, is_finished=later[0] != path) if later else None
    for position, file in enumerate(files[here:]):
        is_finished = file != path and file.stat().st_mtime < quiet_before
        chunk = _read(file, 0 if position else place.offset, is_finished=is_finished)
        if chunk is not None or not is_finished:
            return chunk
    return None


def report_of(line: bytes) -> Report | None:
    """Return what a line says about a metered call, or None when it is of another kind. Raises ValueError."""
    try:
        # Of a path nginx writes the bytes that it stands for, which need not be text.
        fields: dict[str, Any] = orjson.loads(line.decode(errors="replace"))
        if not fields["key_id"] or fields["auth_status"]:
            return None
        seconds = max(0.0, float(fields["request_time"]))
        return Report(
            request_id=_text(fields["request_id"]),
            at_ms=_whole((float(fields["msec"]) - seconds) * 1000, _LATEST_MS),
            status=_whole(fields["status"], 999),
            latency_ms=_whole(min(seconds * 1000, _LONGEST_MS), _LONGEST_MS),
            bytes_in=_whole(fields["bytes_in"], _MOST_BYTES),
            bytes_out=_whole(fields["bytes_out"], _MOST_BYTES),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError("The line lacks a field or has one of another type.") from error


def reports_of(lines: Iterable[bytes]) -> tuple[list[Report], int]:
    """Return the reports in the lines, and how many lines could not be read."""
    reports: list[Report] = []
    unreadable = 0
    for line in lines:
        try:
            report = report_of(line)
        except ValueError:
            unreadable += 1
        else:
            reports += [report] if report is not None else []
    return reports, unreadable


def _files(path: Path) -> list[Path]:
    """Return the log and its rotated predecessors, oldest first."""
    rotated = [
        file
        for pattern in (f"{path.name}.*", f"{path.name}-*")
        for file in path.parent.glob(pattern)
        if file.suffix not in _PACKED and file.is_file()
    ]
    rotated.sort(key=lambda file: file.stat().st_mtime)
    return [*rotated, path] if path.is_file() else rotated


def _is_at(file: Path, place: Place) -> bool:
    if not place.offset:
        return bool(place.inode) and file.stat().st_ino == place.inode
    return file.stat().st_size >= place.offset and _head(file, place.offset) == place.head


def _read(file: Path, offset: int, *, is_finished: bool) -> Chunk | None:
    """Read whole lines; the last line of a finished file may lack its end."""
    with file.open("rb") as opened:
        opened.seek(offset)
        data = opened.read(CHUNK_BYTES)
        inode = file.stat().st_ino
    end = data.rfind(b"\n") + 1
    if not end and (is_finished or len(data) == CHUNK_BYTES):
        end = len(data)
    if not end:
        return None
    place = Place(inode, offset + end, _head(file, offset + end))
    return Chunk([line for line in data[:end].split(b"\n") if line], place)


def _head(file: Path, offset: int) -> str:
    with file.open("rb") as opened:
        return hashlib.sha256(opened.read(min(offset, _HEAD_BYTES))).hexdigest()


def _text(value: Any) -> str:
    if type(value) is not str or not 8 <= len(value) <= 64 or "\x00" in value:
        raise ValueError("The request id is not one of ours.")
    return value


def _whole(value: float, largest: int) -> int:
    number = int(value)
    if not 0 <= number <= largest:
        raise ValueError("A number is out of range.")
    return number
