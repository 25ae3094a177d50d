"""Copies of a person's data: asked for, made once whatever dies, without secrets, fetched by their owner alone."""

import io
import json
import os
import re
import time
import zipfile
from datetime import timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import avatars
from accounts.models import DataExport, Passkey, User
from accounts.services import exports, passwords, personal_data
from audit.models import AuditLog, SecurityEvent
from config.common.errors import TooManyRequests
from config.common.models import OutgoingMail
from tests import race
from tests.clients import grow_old
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory

URL = "/api/v1/users/me/exports"


@pytest.fixture
def client(api_as, olivia, places):
    return api_as(olivia)


@pytest.fixture
def made(client, olivia):
    """Ask for a copy, make it, and return its row."""
    assert client.post(URL).status_code == 202
    export = DataExport.objects.get()
    assert exports.make(export_id=export.pk, at=timezone.now()) is True
    export.refresh_from_db()
    return export


def fetch(client, export):
    response = client.get(f"{URL}/{export.pk}/download")
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(response.streaming_content)))


def zips(places):
    return sorted(path.name for path in (places / "exports").glob("*"))


def test_asks_for_a_copy(client, olivia):
    response = client.post(URL)

    assert response.status_code == 202
    assert response.json() | {"id": 0, "created_at": ""} == {
        "id": 0,
        "status": "QUEUED",
        "progress": 0,
        "size_bytes": 0,
        "expires_at": None,
        "created_at": "",
    }
    assert AuditLog.objects.get(event="user.export_requested").actor_id == olivia.pk


def test_one_at_a_time(client):
    first, second = client.post(URL).json(), client.post(URL).json()

    assert first == second
    assert DataExport.objects.count() == 1


def test_five_a_day(clock, client):
    for _ in range(5):
        assert client.post(URL).status_code == 202
        DataExport.objects.update(status="READY", created_at=F("created_at") - timedelta(hours=1))

    response = client.post(URL)

    # The first of the five was asked for five hours ago.
    assert (response.status_code, response["Retry-After"]) == (429, "68400")
    assert DataExport.objects.count() == 5


def test_another_one_when_the_first_is_a_day_old(clock, client, olivia):
    first, *_ = [DataExport.objects.create(user=olivia, status="READY") for _ in range(5)]
    DataExport.objects.filter(pk=first.pk).update(created_at=timezone.now() - timedelta(days=1))

    assert client.post(URL).status_code == 202
    DataExport.objects.update(status="READY")
    assert client.post(URL).status_code == 429


def test_is_made_with_every_section(client, olivia, made):
    with fetch(client, made) as archive:
        names = set(archive.namelist())
        sections = {section.name for section in personal_data.sections()}
        rows = {name: json.loads(archive.read(f"{name}.json")) for name in sections}
        readme = archive.read("README.txt").decode()

    assert names == {"README.txt", *(f"{name}.json" for name in sections)}
    assert {"profile", "sessions", "organizations", "api_keys", "activity"} <= sections
    assert all(f"{name}.json" in readme for name in sections)
    assert rows["profile"][0]["email"] == olivia.email
    assert [row["role"] for row in rows["organizations"]] == ["OWNER"]
    assert (made.status, made.progress, made.size_bytes > 0) == ("READY", 100, True)
    assert (made.expires_at - timezone.now()) > timedelta(days=6, hours=23)
    assert OutgoingMail.objects.get(kind="accounts/export_ready").recipient == olivia.email
    assert AuditLog.objects.filter(event="user.data_exported").count() == 1


def test_holds_no_secrets_and_nobody_else(
    api_as, client, olivia, mia, organization, sign_in, mailed_token
):
    pair = sign_in(olivia)
    passwords.request_reset(email=olivia.email, at=timezone.now())
    key = ApiKeyFactory.create(organization=organization, created_by=olivia)
    ApiKeyFactory.create(organization=organization, created_by=mia, name="Key of Mia")
    Passkey.objects.create(
        user=olivia,
        name="Blue key",
        credential_id=b"credential",
        public_key=b"public",
        aaguid="0" * 32,
    )
    api_as(mia)
    export = exports.request(user=olivia, at=timezone.now())
    exports.make(export_id=export.pk, at=timezone.now())
    export.refresh_from_db()

    with fetch(client, export) as archive:
        text = "\n".join(archive.read(name).decode() for name in archive.namelist())

    assert "Blue key" in text
    assert key.prefix in text
    link = mailed_token(olivia.email, "reset_password")
    for secret in (
        key.secret,
        pair["access"],
        pair["refresh"],
        link,
        olivia.password,
        mia.email,
        "Key of Mia",
    ):
        assert secret not in text
    assert not re.search(r'"\w*(digest|password|secret|encrypted|hash)\w*":', text)


def test_a_section_of_every_table_with_a_person_in_it(client, made):
    """The data map names every table that refers to a person, and says which section holds it, or why none does."""
    text = (settings.BASE_DIR / "docs" / "data-map.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text, re.MULTILINE))
    sections = {section.name for section in personal_data.sections()}

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT conrelid::regclass::text FROM pg_constraint "
            "WHERE contype = 'f' AND confrelid = 'accounts_user'::regclass"
        )
        referring = {name for (name,) in cursor.fetchall()}

    assert referring - set(rows) == set()
    named = {name for cell in rows.values() for name in re.findall(r"`(\w+)\.json`", cell)}
    assert named == sections


def test_only_its_owner_fetches_it(api_as, client, stan, made):
    paths = [f"{URL}/{made.pk}", f"{URL}/{made.pk}/download"]

    assert [api_as(stan).get(path).status_code for path in paths] == [404, 404]
    assert [client.get(path).status_code for path in paths] == [200, 200]


def test_fetching_needs_a_recent_sign_in(client, olivia, made):
    grow_old(olivia)

    response = client.get(f"{URL}/{made.pk}/download")

    assert (response.status_code, response.json()["code"]) == (403, "reauthentication_required")
    assert client.get(f"{URL}/{made.pk}").status_code == 200


def test_fetching_is_noted(client, olivia, made):
    response = client.get(f"{URL}/{made.pk}/download")

    assert response["Content-Type"] == "application/zip"
    assert response["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    assert response["Cache-Control"] == "no-store"
    assert AuditLog.objects.get(event="user.export_downloaded").actor_id == olivia.pk
    assert SecurityEvent.objects.filter(name="sensitive_read").count() == 1


@pytest.mark.parametrize("status", ["QUEUED", "RUNNING", "FAILED", "EXPIRED"])
def test_there_is_no_file_before_and_after(client, made, status):
    DataExport.objects.update(status=status)

    response = client.get(f"{URL}/{made.pk}/download")

    assert (response.status_code, response.json()["code"]) == (409, "export_not_ready")


def test_is_kept_for_seven_days(client, places, made):
    just_before, then = made.expires_at - timedelta(seconds=1), made.expires_at

    assert exports.purge(at=just_before) == 0
    assert exports.download(export=made, at=just_before).is_file()
    with pytest.raises(exports.ExportNotReady):
        exports.download(export=made, at=then)
    assert exports.purge(at=then) == 1
    made.refresh_from_db()
    assert (made.status, made.file, zips(places)) == ("EXPIRED", "", [])


def test_lies_where_only_we_can_read(places, made):
    (path,) = (places / "exports").glob("*.zip")

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert places / "media" not in path.parents
    assert re.fullmatch(rf"{made.pk}-[0-9A-Za-z_-]{{43}}\.zip", path.name)


def test_whoever_dies_is_followed_by_another(clock, client, olivia, places):
    """A maker that was killed leaves a lease and half a file; the sweep begins anew once the lease is over."""
    client.post(URL)
    export = exports._claim(DataExport.objects.get().pk, at=timezone.now())
    half = exports.folder() / f"{export.pk}-half.zip"
    half.write_bytes(b"half")
    os.utime(half, (time.time(), time.time()))

    at_once = exports.make_due(at=timezone.now())
    clock.shift(61)
    later = exports.make_due(at=timezone.now())

    assert (at_once, later) == (0, 1)
    export.refresh_from_db()
    assert (export.status, export.attempts) == ("READY", 2)
    assert exports.purge(at=timezone.now() + timedelta(hours=2)) == 1
    assert zips(places) == [export.file]


def test_whoever_lost_the_lease_leaves_nothing(client, olivia, places):
    client.post(URL)
    pk = DataExport.objects.get().pk

    def taken_over(_user):
        DataExport.objects.filter(pk=pk).update(attempts=2)
        yield {}

    personal_data._sections["zzz"] = personal_data.Section("zzz", "Last.", taken_over)
    try:
        assert exports.make(export_id=pk, at=timezone.now()) is False
    finally:
        del personal_data._sections["zzz"]

    assert zips(places) == []
    assert DataExport.objects.get().status == "RUNNING"
    assert not OutgoingMail.objects.filter(kind="accounts/export_ready").exists()


def test_gives_up_after_five_attempts(clock, client, places):
    def broken(_user):
        raise ZeroDivisionError

    client.post(URL)
    personal_data._sections["zzz"] = personal_data.Section("zzz", "Broken.", broken)
    try:
        for _ in range(6):
            assert exports.make_due(at=timezone.now()) == 0
            clock.shift(61)
    finally:
        del personal_data._sections["zzz"]

    export = DataExport.objects.get()
    assert (export.status, export.attempts, zips(places)) == ("FAILED", 5, [])
    assert client.post(URL).status_code == 202


def test_two_sections_cannot_have_one_name():
    with pytest.raises(ValueError, match="profile is a section"):
        personal_data.contribute("profile", "Another.", lambda _user: [])


def test_exactly_one_of_sixteen_makes_it(transactional_db, places):
    nora = UserFactory.create()
    asked = race.together(16, lambda _: exports.request(user=nora, at=timezone.now()).pk)
    assert len(set(asked)) == 1

    outcomes = race.together(16, lambda _: exports.make(export_id=asked[0], at=timezone.now()))

    assert sorted(outcomes) == [False] * 15 + [True]
    assert len(zips(places)) == 1
    assert OutgoingMail.objects.filter(kind="accounts/export_ready").count() == 1


def test_who_asks_while_the_last_of_the_day_is_made_gets_no_sixth(transactional_db, places):
    nora = UserFactory.create()

    def ask() -> DataExport:
        export = exports.request(user=nora, at=timezone.now())
        DataExport.objects.update(status="READY")
        return export

    for _ in range(4):
        ask()
    second = race.behind(ask, ask)

    assert isinstance(second, TooManyRequests)
    assert DataExport.objects.count() == 5
    assert AuditLog.objects.filter(event="user.export_requested").count() == 5


def test_the_picture_is_in_it(client, olivia, places):
    User.objects.filter(pk=olivia.pk).update(avatar=avatars.store(b"a picture"))
    client.post(URL)
    export = DataExport.objects.get()
    exports.make(export_id=export.pk, at=timezone.now())

    with fetch(client, export) as archive:
        assert archive.read("avatar.webp") == b"a picture"


def test_the_command_writes_the_same(olivia, tmp_path, capsys):
    path = tmp_path / "olivia.zip"

    call_command("export_user", olivia.email, "--output", str(path))

    with zipfile.ZipFile(path) as archive:
        assert json.loads(archive.read("profile.json"))[0]["email"] == olivia.email
    assert path.stat().st_mode & 0o777 == 0o600
    assert str(path) in capsys.readouterr().out
    with pytest.raises(CommandError, match="exists already"):
        call_command("export_user", olivia.email, "--output", str(path))


def test_the_command_only_says_what_there_is(olivia, tmp_path, capsys):
    path = tmp_path / "olivia.zip"

    call_command("export_user", olivia.email, "--output", str(path), "--dry-run")

    assert "profile.json: 1\n" in capsys.readouterr().out
    assert not path.exists()


def test_the_command_names_whom_it_does_not_find(db):
    with pytest.raises(CommandError, match="Nobody has the address"):
        call_command("export_user", "nobody@example.com")


def test_the_page_shows_how_far_it_is(portal_as, olivia, places):
    browser = portal_as(olivia)

    asked = browser.post("/privacy/exports/", follow=True).content.decode()
    export = DataExport.objects.get()
    exports.make(export_id=export.pk, at=timezone.now())
    ready = browser.get("/privacy/").content.decode()
    fetched = browser.get(f"/privacy/exports/{export.pk}/download/")

    assert 'hx-trigger="every 2s"' in asked
    assert "<progress" in asked
    assert "every 2s" not in ready
    assert fetched["Content-Disposition"] == 'attachment; filename="my-data.zip"'
    assert zipfile.ZipFile(io.BytesIO(b"".join(fetched.streaming_content))).testzip() is None


def test_the_page_asks_who_is_there_before_it_hands_out(portal_as, olivia, stan, made):
    browser = portal_as(olivia)
    path = f"/privacy/exports/{made.pk}/download/"
    grow_old(olivia)

    assert browser.get(path)["Location"].startswith("/confirm/")
    assert portal_as(stan).get(path).status_code == 404
