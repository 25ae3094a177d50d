"""Every mail of accounts: subject, recipient, one link, text and HTML that say the same, and nothing that others smuggle in."""

import base64
import email
import html
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import policy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as outbox_of
from django.urls import reverse_lazy
from django.utils import timezone

from accounts.models import Broadcast, Passkey, Session, User
from accounts.services import registration
from accounts.tasks import purge_expired
from audit.models import AuditLog
from config.common import mail, tasks
from config.common.models import OutgoingMail
from tests.factories.accounts import UserFactory

PUBLIC = "http://testserver"
USER = User(email="nora@example.com", full_name="Nora Newcomer")
TOKEN = "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c"
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
PLACE = {"user_agent": "curl/8", "ip": "203.0.113.7"}


@dataclass(frozen=True)
class Message:
    """What one kind of mail is given, where its link leads, and what both of its parts must tell."""

    subject: str
    link: Any
    values: dict[str, Any] = field(default_factory=dict)
    facts: tuple[str, ...] = ()


_OF_PLACE = ("curl", "203.0.113.7")
MAILS: dict[str, Message] = {
    "already_registered": Message("You have an account at Tollgate already", "/login/"),
    "broadcast": Message(
        "Maintenance on Sunday",
        "/overview/",
        {"broadcast": Broadcast(title="Maintenance on Sunday", body="The portal is away at two.")},
        ("The portal is away at two.", "unsubscribe"),
    ),
    "deletion_done": Message("Your account at Tollgate is deleted", "/register/"),
    "deletion_reminder": Message(
        "Your account at Tollgate will be deleted soon",
        "/privacy/",
        {"due_at": AT},
        ("2 March 2026",),
    ),
    "deletion_requested": Message(
        "Your account at Tollgate will be deleted", "/privacy/", {"due_at": AT}, ("2 March 2026",)
    ),
    "email_change_new": Message(
        "Confirm this address for Tollgate",
        f"/email-change/{TOKEN}",
        {"token": TOKEN, "old_email": "old@example.com"},
        ("old@example.com", "24 hours"),
    ),
    "email_change_old": Message(
        "Your address at Tollgate is about to change",
        f"/email-change/{TOKEN}",
        {"token": TOKEN, "new_email": "new@example.com"},
        ("new@example.com", "24 hours"),
    ),
    "email_change_taken": Message("Your address at Tollgate was asked for", "/login/"),
    "email_changed": Message(
        "Your address at Tollgate has changed",
        "/login/",
        {"new_email": "new@example.com"},
        ("new@example.com",),
    ),
    "export_ready": Message(
        "The copy of your data at Tollgate is ready",
        "/privacy/",
        {"expires_at": AT},
        ("2 March 2026",),
    ),
    "new_device": Message(
        "New sign-in to your account at Tollgate", "/security/", PLACE, _OF_PLACE
    ),
    "passkey_added": Message(
        "A passkey was added to your account at Tollgate",
        "/security/",
        {"passkey": Passkey(name="Blue key"), **PLACE},
        ("Blue key", *_OF_PLACE),
    ),
    "passkey_removed": Message(
        "A passkey was removed from your account at Tollgate",
        "/security/",
        {"passkey": Passkey(name="Blue key"), **PLACE},
        ("Blue key", *_OF_PLACE),
    ),
    "password_changed": Message(
        "Your password for Tollgate was changed",
        "/password-reset/",
        {"at": AT, "ip": "203.0.113.7"},
        ("2 March 2026, 09:30 UTC", "203.0.113.7"),
    ),
    "recovery_code_used": Message(
        "A recovery code of yours was used at Tollgate",
        "/security/",
        {"left": 7, **PLACE},
        ("7", *_OF_PLACE),
    ),
    "recovery_codes_replaced": Message(
        "You have new recovery codes at Tollgate", "/security/", PLACE, _OF_PLACE
    ),
    "reset_password": Message(
        "Set a new password for Tollgate", f"/reset-password/{TOKEN}", {"token": TOKEN}, ("hour",)
    ),
    "session_reuse": Message(
        "We ended a session of yours at Tollgate",
        "/login/",
        {"session": Session(user_agent="curl/8"), "ip": "203.0.113.7"},
        _OF_PLACE,
    ),
    "two_factor_disabled": Message(
        "Two-factor authentication is off at Tollgate", "/security/", PLACE, _OF_PLACE
    ),
    "two_factor_enabled": Message(
        "Two-factor authentication is on at Tollgate", "/security/", PLACE, _OF_PLACE
    ),
    "two_factor_removed": Message("Your second factors at Tollgate were removed", "/login/"),
    "verify_email": Message(
        "Confirm your address for Tollgate",
        f"/verify-email/{TOKEN}",
        {"token": TOKEN},
        ("24 hours",),
    ),
    "welcome": Message("Welcome to Tollgate", reverse_lazy("apikeys:key-create")),
}
HOSTILE = "<img/src=x> https://evil.example/win evil.example\r\nBcc: victim@example.com \u202egnp"
# What a mail program would turn into a link.
CLICKABLE = re.compile(r"(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|example|test)\b")


def _delivered(name: str, **values: Any) -> Any:
    owed = mail.send(
        f"accounts/{name}", to=USER.email, values={"user": USER, **MAILS[name].values, **values}
    )
    assert mail.deliver(mail_id=owed.pk, at=timezone.now()) is True
    (message,) = outbox_of.outbox
    return message


def _parts(message: Any) -> tuple[str, str]:
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return message.body, content


def _shown(content: str) -> str:
    """Return what a reader of the HTML part sees."""
    body = re.sub(r"<style>.*?</style>", "", content, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_every_message_is_in_the_table():
    folder = Path(settings.BASE_DIR) / "templates" / "emails" / "accounts"
    parts = {"subject.txt", "body.txt", "body.html"}

    files = {tuple(path.name.split(".", 1)) for path in folder.iterdir()}

    assert files == {(name, part) for name in MAILS for part in parts}


@pytest.mark.parametrize("name", MAILS)
def test_it_goes_to_its_recipient_under_its_subject(db, name):
    sent = _delivered(name)

    assert sent.to == ["nora@example.com"]
    assert (sent.cc, sent.bcc) == ([], [])
    assert sent.from_email == "Tollgate <no-reply@localhost>"
    assert sent.subject == MAILS[name].subject
    assert len(sent.subject) <= 78


@pytest.mark.parametrize("name", MAILS)
def test_text_and_html_name_the_same_link(db, name):
    text, content = _parts(_delivered(name))

    expected = {f"{PUBLIC}{MAILS[name].link}", f"{PUBLIC}/"}
    assert set(re.findall(r"https?://\S+", text)) == expected
    assert set(re.findall(r'href="([^"]+)"', content)) == expected


@pytest.mark.parametrize("name", MAILS)
def test_text_and_html_tell_the_same(db, name):
    text, content = _parts(_delivered(name))
    flat, shown = " ".join(re.sub(r"https?://\S+", " ", text).split()), _shown(content)

    for fact in ("Nora", *MAILS[name].facts):
        assert fact in flat
        assert fact in shown
    # Most sentences stand in both; the heading and what a button says are of HTML only.
    sentences = [part for part in re.split(r"(?<=[.:]) ", flat) if len(part.split()) > 4]
    common = [part for part in sentences if part.rstrip(".:").casefold() in shown.casefold()]
    assert len(common) >= len(sentences) / 2, (flat, shown)


@pytest.mark.parametrize("name", MAILS)
def test_html_has_a_preheader_and_nothing_from_elsewhere(db, name):
    _, content = _parts(_delivered(name))

    preheader = re.search(r'<div class="preheader"[^>]*>([^<]+?)(?:&\w+;|\s)*</div>', content)
    assert preheader is not None
    assert 20 <= len(preheader[1].strip()) <= 110
    assert re.search(r"<h1[^>]*>[^<]+</h1>", content)
    assert not re.search(r"<(?:img|link|script|iframe|object|form)\b|url\(|@import|\ssrc=", content)
    assert "prefers-color-scheme: dark" in content
    assert 'lang="en"' in content


@pytest.mark.parametrize("name", MAILS)
def test_hostile_words_stay_words(db, name):
    person = User(email="nora@example.com", full_name=HOSTILE.replace(" ", "\u00a0"))
    values: dict[str, Any] = {"user": person}
    if "user_agent" in MAILS[name].values:
        values["user_agent"] = HOSTILE
    if "session" in MAILS[name].values:
        values["session"] = Session(user_agent=HOSTILE)
    if "passkey" in MAILS[name].values:
        values["passkey"] = Passkey(name=HOSTILE)

    sent = _delivered(name, **values)

    text, content = _parts(sent)
    ours = {f"{PUBLIC}{MAILS[name].link}", f"{PUBLIC}/", PUBLIC, *MAILS[name].facts}
    known = {word.rpartition("@")[2] for word in ours}
    found = {found.rstrip(",.") for found in CLICKABLE.findall(text + _shown(content))}
    assert found - ours - known <= {
        "example.com"
    }  # of `victim@example.com`, which is an address, not a link
    assert "<img" not in content
    assert "\u202e" not in text + content
    headers = sent.message().as_bytes().partition(b"\n\n")[0]
    assert b"evil" not in headers
    assert b"Bcc" not in headers


def test_an_address_cannot_bring_a_header_along(db):
    owed = mail.send(
        "accounts/welcome", to="nora@example.com\nBcc: victim@example.com", values={"user": USER}
    )

    assert mail.deliver(mail_id=owed.pk, at=timezone.now()) is False
    assert outbox_of.outbox == []


def test_a_product_name_cannot_bring_a_header_along(db, settings):
    settings.PRODUCT_NAME = "Toll\r\nBcc: victim@example.com"

    sent = _delivered("welcome")

    assert sent.subject == "Welcome to Toll Bcc: victim@example.com"
    message = email.message_from_bytes(sent.message().as_bytes(), policy=policy.default)
    assert message["Bcc"] is None


@pytest.mark.parametrize("name", MAILS)
def test_every_message_survives_its_way(db, name):
    raw = _delivered(name).message().as_bytes()

    message = email.message_from_bytes(raw, policy=policy.default)
    plain, rich = message.iter_parts()
    assert (plain.get_content_type(), rich.get_content_type()) == ("text/plain", "text/html")
    assert message["Auto-Submitted"] == "auto-generated"
    assert len(raw) < 20_000
    assert max(len(line) for line in raw.splitlines()) <= 998


def test_staff_sends_again_what_was_given_up(portal_as, sam, settings):
    owed = mail.send("accounts/welcome", to=USER.email, values={"user": USER})
    OutgoingMail.objects.filter(pk=owed.pk).update(failed_at=AT, last_error="no such user")
    back_office, path = portal_as(sam), "/admin/common/outgoingmail/"
    action = {"action": "send_again", "_selected_action": [owed.pk]}
    assert "no such user" in back_office.get(path).content.decode()

    first = back_office.post(path, action, follow=True)
    second = back_office.post(path, action, follow=True)

    assert [str(message) for message in first.context["messages"]] == ["To be sent: 1."]
    (refusal,) = [str(message) for message in second.context["messages"]]
    assert "forgotten" in refusal
    owed.refresh_from_db()
    assert (owed.failed_at, owed.attempts) == (None, 0)
    assert AuditLog.objects.get(event="mail.requeued").actor_id == sam.pk


def test_who_may_only_look_sends_nothing_again(portal_as, db):
    owed = mail.send("accounts/welcome", to=USER.email, values={"user": USER})
    OutgoingMail.objects.filter(pk=owed.pk).update(failed_at=AT)

    page = portal_as(UserFactory.create(role="VIEWER")).post(
        "/admin/common/outgoingmail/", {"action": "send_again", "_selected_action": [owed.pk]}
    )

    assert page.status_code == 302
    owed.refresh_from_db()
    assert owed.failed_at == AT


def test_the_queue_carries_the_id_only(transactional_db, redis_client, mailed_token):
    registration.register(email="nora@example.com", password="four unrelated quiet words")
    token = mailed_token("nora@example.com")

    queue = f"{settings.REDIS_PREFIX}celery:celery"
    messages = [json.loads(raw) for raw in redis_client.lrange(queue, 0, -1)]

    bodies = {
        message["headers"]["task"]: json.loads(base64.b64decode(message["body"]))
        for message in messages
    }
    assert bodies["mail.deliver"][:2] == [[], {"mail_id": OutgoingMail.objects.get().pk}]
    assert token not in json.dumps([messages, bodies])


def test_jobs_have_their_names():
    assert [task.name for task in (tasks.deliver, tasks.sweep, tasks.purge, purge_expired)] == [
        "mail.deliver",
        "mail.sweep",
        "mail.purge",
        "accounts.purge_expired",
    ]
