"""Copies of a person's data: asked for, made by a job under a lease, kept for seven days, fetched by nobody else."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.models import DataExport, User
from accounts.services import archives, locks
from accounts.signals import DataExportDownloaded, DataExported, DataExportRequested
from config.common import changes, crypto, files, jobs, mail
from config.common.errors import DomainError, TooManyRequests, wait_until
from config.common.events import publish

logger = structlog.get_logger(__name__)
KEEP = timedelta(days=7)
PER_DAY = 5
_WINDOW = timedelta(days=1)
MAX_ATTEMPTS = 5
LEASE = timedelta(minutes=1)
_STRAY = timedelta(hours=1)
_PIECE = 64 * 1024
_OPEN = (DataExport.Status.QUEUED, DataExport.Status.RUNNING)


class ExportNotReady(DomainError):
    """The copy is not made yet, could not be made, or was deleted after seven days."""

    code = "export_not_ready"
    title = "There is no file"
    status = 409
    fix = "Wait until the status is READY, or ask for a new copy."
    answered_by = ("users_me_exports_download",)


class _LeaseLost(Exception):
    """Somebody else makes this export now."""


@transaction.atomic
def request(*, user: User, at: datetime) -> DataExport:
    """Ask for a copy of one's data; while one is being made, that one is the answer. Raises TooManyRequests."""
    # Whoever asks at the same time is answered one after the other: each is counted before the next one looks.
    locks.person(user.pk)
    running = user.exports.filter(status__in=_OPEN).first()
    if running is not None:
        return running
    _require_room(user, at=at)
    export = DataExport.objects.create(user_id=user.pk)
    publish(
        DataExportRequested(user_id=user.pk, export_id=export.pk),
        after=changes.told(export, ("status",)),
    )
    jobs.enqueue("accounts.export", export_id=export.pk)
    return export


def _require_room(user: User, *, at: datetime) -> None:
    lately = user.exports.filter(created_at__gt=at - _WINDOW).order_by("-created_at")
    newest = list(lately.values_list("created_at", flat=True)[:PER_DAY])
    if len(newest) == PER_DAY:
        raise TooManyRequests(
            f"You may ask for {PER_DAY} copies a day.",
            headers=wait_until(newest[-1] + _WINDOW, at=at),
        )


def due(*, at: datetime) -> list[int]:
    """Return the ids of exports that nobody is making."""
    return list(_due(at).order_by("id").values_list("pk", flat=True)[:100])


def _due(at: datetime) -> QuerySet[DataExport]:
    free = Q(leased_until=None) | Q(leased_until__lte=at)
    return DataExport.objects.filter(free, status__in=_OPEN)


def make(*, export_id: int, at: datetime) -> bool:
    """Make one export if nobody else does and return whether it is ready.

    The row's lease is prolonged while the file grows. Whoever finds a lease that ran out begins anew; whoever lost it
    stops and leaves no file behind.
    """
    export = _claim(export_id, at=at)
    if export is None:
        return False
    path = folder() / f"{export.pk}-{crypto.new_token()}.zip"
    try:
        archives.write(
            user=export.user, path=path, report=lambda percent: _prolong(export, percent)
        )
        _finish(export, path)
    except _LeaseLost:
        path.unlink(missing_ok=True)
        return False
    except Exception:
        path.unlink(missing_ok=True)
        logger.exception("export_not_made", export_id=export.pk, attempt=export.attempts)
        _give_up_or_wait(export)
        return False
    return True


@transaction.atomic
def _claim(export_id: int, *, at: datetime) -> DataExport | None:
    rows = _due(at).select_for_update(of=("self",), skip_locked=True).select_related("user")
    export = rows.filter(pk=export_id).first()
    if export is None:
        return None
    if export.attempts >= MAX_ATTEMPTS:
        export.status = DataExport.Status.FAILED
    else:
        export.status = DataExport.Status.RUNNING
        export.attempts += 1
        export.leased_until = at + LEASE
    export.save(update_fields=["status", "attempts", "leased_until", "updated_at"])
    return export if export.status == DataExport.Status.RUNNING else None


def _held(export: DataExport) -> QuerySet[DataExport]:
    """Return the row as long as the lease is ours: the number of the attempt is the fence."""
    return DataExport.objects.filter(
        pk=export.pk, attempts=export.attempts, status=DataExport.Status.RUNNING
    )


def _prolong(export: DataExport, percent: int) -> None:
    if not _held(export).update(progress=percent, leased_until=timezone.now() + LEASE):
        raise _LeaseLost


@transaction.atomic
def _finish(export: DataExport, path: Path) -> None:
    expires_at = timezone.now() + KEEP
    is_ours = _held(export).update(
        status=DataExport.Status.READY,
        progress=100,
        leased_until=None,
        file=path.name,
        size_bytes=path.stat().st_size,
        expires_at=expires_at,
    )
    if not is_ours:
        raise _LeaseLost
    publish(
        DataExported(user_id=export.user_id, export_id=export.pk),
        **changes.of(
            status=(DataExport.Status.RUNNING, DataExport.Status.READY),
            expires_at=(None, expires_at),
        ),
    )
    values = {"user": export.user, "expires_at": expires_at}
    mail.send("accounts/export_ready", to=export.user.email, values=values)


def _give_up_or_wait(export: DataExport) -> None:
    is_last = export.attempts >= MAX_ATTEMPTS
    status = DataExport.Status.FAILED if is_last else DataExport.Status.QUEUED
    _held(export).update(status=status, leased_until=timezone.now() + LEASE)


def make_due(*, at: datetime) -> int:
    """Make the exports that no doorbell was rung for, or whose maker died; return how many are ready."""
    return sum(make(export_id=export_id, at=at) for export_id in due(at=at))


@transaction.atomic
def download(*, export: DataExport, at: datetime) -> Path:
    """Return where the file of an export lies, and note that it was fetched. Raises ExportNotReady."""
    path = folder() / export.file
    is_there = export.status == DataExport.Status.READY and bool(export.file) and path.is_file()
    if not is_there or export.expires_at is None or export.expires_at <= at:
        raise ExportNotReady
    publish(DataExportDownloaded(user_id=export.user_id, export_id=export.pk))
    return path


def content_of(path: Path) -> Iterator[bytes]:
    """Yield a file piece by piece; it is opened when the first one is asked for."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def purge(*, at: datetime) -> int:
    """Delete files after seven days, and files that no row knows; return how many."""
    old = DataExport.objects.filter(status=DataExport.Status.READY, expires_at__lte=at)
    old.update(status=DataExport.Status.EXPIRED, file="")
    found = files.older_than(at - _STRAY, Path(settings.EXPORT_ROOT), "*.zip")
    known = set(
        DataExport.objects.filter(file__in=[path.name for path in found]).values_list(
            "file", flat=True
        )
    )
    strays = [path for path in found if path.name not in known]
    for path in strays:
        path.unlink(missing_ok=True)
    return len(strays)


def forget(*, user: User) -> None:
    """Delete a person's exports; their files go once that is committed."""
    names = list(user.exports.exclude(file="").values_list("file", flat=True))
    user.exports.all().delete()
    for name in names:
        path = folder() / name
        transaction.on_commit(partial(path.unlink, missing_ok=True), robust=True)


def folder() -> Path:
    """Return the directory of the files, outside of everything that is served; only we may look into it."""
    place = Path(settings.EXPORT_ROOT)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return place
