"""Real workers that die by SIGKILL in the middle of their work: another one finishes it, and each thing happens once."""

import os
import sys
import time
import zipfile
from collections import Counter

import orjson
import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from accounts.models import Broadcast, BroadcastRecipient, DataExport, Notice
from accounts.services import broadcasts, exports
from accounts.services.broadcasts import Words
from config.common.models import OutgoingMail
from tests.doubles.stack import Program
from tests.factories.accounts import UserFactory
from tests.patience import until

pytestmark = [
    pytest.mark.trial,
    pytest.mark.django_db(transaction=True),
]
_COMMAND = [
    *(sys.executable, "-m", "celery", "--app", "config", "worker", "--pool", "prefork"),
    *("--concurrency", "1", "--loglevel", "warning", "--without-gossip", "--without-mingle"),
]


@pytest.fixture
def new_worker(places, tmp_path):
    """Return what starts workers, which share this test's directories; they end with it."""
    environment = {
        "MEDIA_ROOT": str(places / "media"),
        "EXPORT_ROOT": str(places / "exports"),
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
    }
    workers: list[Program] = []

    def start():
        worker = Program(f"worker-{len(workers)}", _COMMAND, tmp_path, environment)
        workers.append(worker)
        worker.start()
        return worker

    yield start
    for worker in workers:
        worker.kill()


def wait_until(is_so, worker, seconds=90):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, worker.log.read_text(errors="replace")[-3000:]
        time.sleep(0.02)


def ring(job, **arguments):
    current_app.send_task(job, kwargs=arguments, ignore_result=True)


def test_an_export_whose_worker_dies_is_made_once(new_worker, places):
    person = UserFactory.create()
    Notice.objects.bulk_create(
        Notice(user=person, kind="x", title=f"Notice {number}", body="word " * 100)
        for number in range(60_000)
    )
    export = DataExport.objects.create(user=person)

    def files():
        return sorted((places / "exports").glob("*.zip"))

    def is_under_way():
        export.refresh_from_db()
        assert export.status in {"QUEUED", "RUNNING"}, "it was made before it could be disturbed"
        return export.progress > 0 and bool(files()) and files()[0].stat().st_size > 100_000

    first = new_worker()
    ring("accounts.export", export_id=export.pk)
    wait_until(is_under_way, first)
    first.kill()
    (half,) = files()

    export.refresh_from_db()
    assert (export.status, export.attempts) == ("RUNNING", 1)
    second = new_worker()
    # Nobody takes over before the lease of the dead one is over, however often the sweep comes.
    wait_until(lambda: _swept(export), second, seconds=200)

    assert export.attempts == 2
    assert OutgoingMail.objects.filter(kind="accounts/export_ready").count() == 1
    with zipfile.ZipFile(places / "exports" / export.file) as archive:
        assert archive.testzip() is None
        assert len(orjson.loads(archive.read("notices.json"))) == 60_000
    second.kill()
    os.utime(half, (0, 0))
    exports.purge(at=timezone.now())
    assert [path.name for path in files()] == [export.file]


def _swept(export):
    ring("accounts.sweep_exports")
    time.sleep(2)
    export.refresh_from_db()
    return export.status == "READY"


def test_a_broadcast_whose_workers_die_reaches_everybody_once(new_worker):
    people = UserFactory.create_batch(2_000)
    sent = broadcasts.announce(
        words=Words("Maintenance", "On Sunday."), audience={}, by=None, at=timezone.now()
    )
    deaths, worker = 0, new_worker()
    ring("accounts.broadcast", broadcast_id=sent.pk)

    def goes_on(before):
        sent.refresh_from_db()
        return sent.people_done > before

    while deaths < 3:
        before = sent.people_done
        wait_until(lambda before=before: goes_on(before), worker)
        assert sent.status == "SENDING", "it was over before it could be disturbed"
        worker.kill()
        _require_whole_batches(sent)
        deaths, worker = deaths + 1, new_worker()
        ring("accounts.sweep_broadcasts")
    wait_until(lambda: Broadcast.objects.get().status == "SENT", worker)

    mails = Counter(
        OutgoingMail.objects.filter(kind="accounts/broadcast").values_list("recipient", flat=True)
    )
    assert mails == Counter(person.email for person in people)
    assert BroadcastRecipient.objects.count() == Notice.objects.count() == 2_000


def _require_whole_batches(sent):
    """What the dead worker had begun is undone as a whole: mails, notices, recipients and the count agree."""
    _wait_for_the_dead()
    sent.refresh_from_db()
    mails = OutgoingMail.objects.filter(kind="accounts/broadcast").count()
    assert sent.people_done == mails == BroadcastRecipient.objects.count() == Notice.objects.count()
    assert sent.people_done % broadcasts.BATCH == 0


def _wait_for_the_dead():
    """Wait until the server has noticed that the killed worker's connections are gone."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"

    def are_gone():
        with connection.cursor() as cursor:
            cursor.execute(query)
            return cursor.fetchone() == (0,)

    until(are_gone)
