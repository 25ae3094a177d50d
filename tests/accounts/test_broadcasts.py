"""Telling many people something: to the right ones, each exactly once whatever dies, with progress, stoppable."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Broadcast, BroadcastRecipient, Notice, PlatformRole, User
from accounts.services import broadcasts, upkeep
from accounts.services.broadcasts import BroadcastIsOver, Words
from accounts.tasks import broadcast as broadcast_job
from accounts.tasks import sweep_broadcasts
from audit.models import AuditLog
from config.common import mail
from config.common.models import OutgoingMail
from tests import race
from tests.accounts.staffing import staff_client
from tests.accounts.telling import BODY, URL, WORDS, sent_to, started
from tests.clients import grow_old
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(sam):
    return staff_client(sam)


def test_tells_everybody_by_mail_and_in_the_portal(staff, sam, olivia, mia):
    response = staff.post(URL, {**BODY, "link": "/usage/"})

    assert response.status_code == 202
    answer = response.json()
    assert (answer["status"], answer["percent"], answer["people_total"]) == ("SENDING", 0, 3)
    broadcast_job(answer["id"])
    done = staff.get(f"{URL}/{answer['id']}").json()
    assert {name: done[name] for name in ("status", "percent", "people_done", "mails_done")} == {
        "status": "SENT",
        "percent": 100,
        "people_done": 3,
        "mails_done": 3,
    }
    assert sent_to() == sorted([sam.email, olivia.email, mia.email])
    notice = Notice.objects.get(user=olivia)
    assert (notice.kind, notice.title, notice.body, notice.link) == (
        "broadcast.sent",
        WORDS.title,
        WORDS.body,
        "/usage/",
    )
    events = AuditLog.objects.filter(event__startswith="broadcast.").order_by("id")
    assert [(entry.event, entry.actor_type) for entry in events] == [
        ("broadcast.drafted", "staff"),
        ("broadcast.started", "staff"),
        ("broadcast.finished", "job"),
    ]


def test_the_job_is_rung_for(staff, django_capture_on_commit_callbacks, redis_client, settings):
    with django_capture_on_commit_callbacks(execute=True):
        staff.post(URL, BODY)

    queue = redis_client.lrange(f"{settings.REDIS_PREFIX}celery:celery", 0, -1)
    assert sum(b'"accounts.broadcast"' in message for message in queue) == 1


def test_a_way_can_be_left_out(sam, olivia):
    broadcasts.run(
        broadcast_id=started(Words("Only mail", "x", in_app=False)).pk, at=timezone.now()
    )
    broadcasts.run(
        broadcast_id=started(Words("Only portal", "x", by_mail=False)).pk, at=timezone.now()
    )

    assert OutgoingMail.objects.filter(subject="Only mail").count() == 2
    assert set(Notice.objects.values_list("title", flat=True)) == {"Only portal"}


def test_writes_to_proved_addresses_only(olivia, mia):
    User.objects.filter(pk=mia.pk).update(email_verified_at=None)

    broadcasts.run(broadcast_id=started().pk, at=timezone.now())

    assert sent_to() == [olivia.email]
    assert Notice.objects.filter(user=mia).count() == 1


def test_tells_nobody_who_is_out(olivia):
    for status in ("SUSPENDED", "INACTIVE", "DELETED"):
        UserFactory.create(status=status)

    broadcast = started()

    assert (
        broadcast.people_total,
        broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now()),
    ) == (1, 1)


def test_goes_on_in_batches(monkeypatch, olivia):
    monkeypatch.setattr(broadcasts, "BATCH", 3)
    UserFactory.create_batch(6)

    assert broadcasts.run(broadcast_id=started().pk, at=timezone.now()) == 7

    assert len(sent_to()) == len(set(sent_to())) == 7
    assert Broadcast.objects.get().status == "SENT"


def test_who_comes_later_is_not_told(monkeypatch, olivia):
    broadcast = started()
    UserFactory.create(email="late@example.com")

    broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now())

    assert sent_to() == [olivia.email]


def test_who_leaves_meanwhile_is_not_told(olivia, mia):
    broadcast = started()
    User.objects.filter(pk=mia.pk).update(status="SUSPENDED")

    broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now())

    assert sent_to() == [olivia.email]
    assert Broadcast.objects.get().status == "SENT"


def test_a_worker_that_dies_in_a_batch_leaves_it_undone_and_the_sweep_goes_on(monkeypatch, olivia):
    monkeypatch.setattr(broadcasts, "BATCH", 3)
    UserFactory.create_batch(6)
    broadcast, send, calls = started(), mail.send, []

    def dies_at_the_fifth(*arguments, **values):
        calls.append(1)
        if len(calls) == 5:
            raise MemoryError
        return send(*arguments, **values)

    monkeypatch.setattr(mail, "send", dies_at_the_fifth)
    with pytest.raises(MemoryError):
        broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now())

    broadcast.refresh_from_db()
    assert (broadcast.people_done, broadcast.percent, len(sent_to())) == (3, 42, 3)
    assert BroadcastRecipient.objects.count() == Notice.objects.count() == 3
    sweep_broadcasts()
    sweep_broadcasts()
    assert len(sent_to()) == len(set(sent_to())) == 7
    assert BroadcastRecipient.objects.count() == Notice.objects.count() == 7


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_tell_each_person_once(monkeypatch):
    monkeypatch.setattr(broadcasts, "BATCH", 4)
    UserFactory.create_batch(30)
    broadcast = started()

    outcomes = race.together(
        6, lambda _: broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now())
    )
    outcomes.append(broadcasts.run_due(at=timezone.now()))

    assert sum(outcomes) == 30
    assert len(sent_to()) == len(set(sent_to())) == 30
    assert Broadcast.objects.get().people_done == 30


def test_the_database_refuses_to_tell_anybody_twice(olivia):
    broadcast = started()
    BroadcastRecipient.objects.create(broadcast=broadcast, user=olivia)

    with pytest.raises(IntegrityError), transaction.atomic():
        broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now())

    assert sent_to() == []


def test_is_stopped(monkeypatch, staff, sam):
    monkeypatch.setattr(broadcasts, "BATCH", 3)
    UserFactory.create_batch(6)
    broadcast_id = staff.post(URL, BODY).json()["id"]
    broadcasts._send_batch(broadcast_id, at=timezone.now())

    response = staff.post(f"{URL}/{broadcast_id}/cancel")
    broadcast_job(broadcast_id)

    assert (response.status_code, response.json()["status"]) == (200, "CANCELED")
    assert len(sent_to()) == 3
    again = staff.post(f"{URL}/{broadcast_id}/cancel")
    assert (again.status_code, again.json()["code"]) == (409, "broadcast_is_over")
    assert AuditLog.objects.filter(event="broadcast.canceled").count() == 1


def test_is_sent_once(olivia):
    broadcast = started()

    with pytest.raises(BroadcastIsOver):
        broadcasts.send(broadcast_id=broadcast.pk, at=timezone.now())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"title": ""}, "#/title"),
        ({"title": "x" * 151}, "#/title"),
        ({"body": "x" * 2001}, "#/body"),
        ({"link": "https://evil.example"}, "#/link"),
        ({"link": "//evil.example"}, "#/link"),
        ({"link": "/\\evil.example"}, "#/link"),
        ({"by_mail": False, "in_app": False}, "#/in_app"),
        ({"sms": True}, "#/sms"),
        ({"status": "SENT"}, "#/status"),
    ],
    ids=str,
)
def test_refuses_words_that_cannot_be_sent(staff, change, pointer):
    response = staff.post(URL, {**BODY, **change})

    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == pointer
    assert not Broadcast.objects.exists()


def test_tries_it_on_oneself(staff, sam, olivia):
    response = staff.post(f"{URL}/test", BODY)

    assert response.status_code == 202
    assert sent_to() == [sam.email]
    assert OutgoingMail.objects.get().subject == "Test: Maintenance on Sunday"
    assert list(Notice.objects.values_list("user_id", flat=True)) == [sam.pk]
    assert not Broadcast.objects.exists()
    assert AuditLog.objects.get(event="broadcast.tested").actor_id == sam.pk


@pytest.mark.parametrize("role", [PlatformRole.USER, PlatformRole.VIEWER])
def test_is_for_staff_only(role):
    client = staff_client(UserFactory.create(role=role))
    written = Broadcast.objects.create(title="x", body="x")

    asked = [
        client.get(URL),
        client.post(URL, BODY),
        client.post(f"{URL}/preview", {"audience": {}}),
        client.post(f"{URL}/test", BODY),
        client.get(f"{URL}/{written.pk}"),
        client.post(f"{URL}/{written.pk}/cancel"),
    ]

    assert {answer.status_code for answer in asked} == {403}
    written.refresh_from_db()
    assert written.status == "DRAFT"
    assert sent_to() == []


def test_needs_a_second_factor_and_a_recent_sign_in(api_as, staff, sam):
    assert api_as(sam).post(URL, BODY).json()["code"] == "second_factor_required"
    grow_old(sam)

    response = staff.post(URL, BODY)

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert staff.get(URL).status_code == 200
    assert not Broadcast.objects.exists()


def test_lists_the_newest_first(staff, olivia):
    started(Words("First", "x"))
    started(Words("Second", "x"))

    assert [row["title"] for row in staff.get(URL).json()["data"]] == ["Second", "First"]
    assert staff.get(f"{URL}/8000000000000").status_code == 404


ADMIN = "/admin/accounts/broadcast/"


def test_is_written_tried_and_sent_in_the_back_office(portal_as, sam, olivia):
    client = portal_as(sam)
    form = {
        "title": "Hello",
        "body": "World",
        "by_mail": "on",
        "in_app": "on",
        "organization_roles": ["OWNER"],
        "plans": [],
        "roles": [],
        "verified": "yes",
    }
    assert "Role in an organization" in client.get(f"{ADMIN}add/").content.decode()

    written = client.post(f"{ADMIN}add/", form, follow=True)

    draft = Broadcast.objects.get()
    assert draft.audience == {"organization_roles": ["OWNER"], "verified": True}
    assert "1 people, 1 of them by mail" in written.content.decode()
    assert sent_to() == []
    page = f"{ADMIN}{draft.pk}/change/"
    client.post(page, {"_test": "1"})
    assert sent_to() == [sam.email]
    asked = client.post(page, {"_send": "1"}).content.decode()
    assert "It goes out at once; now it reaches 1 people, 1 of them by mail." in asked
    draft.refresh_from_db()
    assert draft.status == "DRAFT"
    client.post(page, {"_send": "1", "confirmed": "yes"})
    broadcast_job(draft.pk)
    assert sent_to() == sorted([olivia.email, sam.email])
    refused = client.post(page, {"_send": "1"}, follow=True).content.decode()
    assert "was sent, or canceled, before" in refused
    draft.refresh_from_db()
    assert (draft.status, draft.created_by_id) == ("SENT", sam.pk)


def test_the_back_office_says_what_is_wrong(portal_as, sam):
    form = {"title": "Hello", "body": "World", "link": "//evil.example"}

    page = portal_as(sam).post(f"{ADMIN}add/", form).content.decode()

    assert "A path of the portal" in page
    assert "Choose mail, the portal, or both." in page
    assert not Broadcast.objects.exists()


def test_a_draft_is_stopped_in_the_back_office_and_its_words_stay(portal_as, sam):
    draft = broadcasts.draft(words=WORDS, audience={}, by=sam)
    client = portal_as(sam)

    client.post(f"{ADMIN}{draft.pk}/change/", {"_cancel": "1", "title": "Other"})

    draft.refresh_from_db()
    assert (draft.status, draft.title) == ("CANCELED", WORDS.title)
    assert client.post(f"{ADMIN}{draft.pk}/delete/", {"post": "yes"}).status_code == 403


def test_is_sent_by_command(olivia, mia, sam, tmp_path, capsys):
    text = tmp_path / "words.txt"
    text.write_text("The portal is away.\n")
    arguments = [
        "broadcast",
        "Maintenance",
        "--body-file",
        str(text),
        "--to",
        "organization_roles=OWNER",
    ]

    call_command(*arguments, "--dry-run")
    assert not Broadcast.objects.exists()
    call_command(*arguments, "--no-notice")

    sent = Broadcast.objects.get()
    assert capsys.readouterr().out == (
        f"It would reach 1 person, 1 by mail.\nBroadcast {sent.pk} is on its way to 1 person.\n"
    )
    assert (sent.body, sent.by_mail, sent.in_app) == ("The portal is away.", True, False)
    with pytest.raises(CommandError, match="There is no such audience"):
        call_command("broadcast", "x", "--body-file", str(text), "--to", "plans=GOLD")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("broadcast", "x", "--body-file", str(tmp_path / "none"))


def test_who_got_it_is_forgotten_after_90_days(clock, olivia):
    broadcast = started()
    broadcasts.run(broadcast_id=broadcast.pk, at=timezone.now())
    clock.shift(timedelta(days=89))
    assert upkeep.purge_expired(at=timezone.now())["broadcasts"] == 0
    clock.shift(timedelta(days=2))

    assert upkeep.purge_expired(at=timezone.now())["broadcasts"] == 1

    assert Broadcast.objects.count() == 1


def test_the_same_key_tells_people_once(staff, olivia):
    headers = {"Idempotency-Key": "maintenance-1"}

    first = staff.post(URL, BODY, headers=headers)
    again = staff.post(URL, BODY, headers=headers)

    assert (first.json(), again.status_code) == (again.json(), 202)
    assert Broadcast.objects.count() == 1
