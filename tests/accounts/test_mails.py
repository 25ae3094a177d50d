"""Every mail of accounts: one line of subject, text and HTML with the same link, and no secret on the way to the worker."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail as outbox_of
from django.template.loader import render_to_string
from django.urls import reverse_lazy
from django.utils import timezone

from accounts.models import Session, User
from accounts.services import registration
from accounts.tasks import purge_expired
from config.common import mail, tasks
from config.common.models import OutgoingMail

PUBLIC = "http://testserver"
USER = User(email="nora@example.com", full_name="Nora Newcomer")
TOKEN = "q1w2e3r4t5y6u7i8o9p0a1s2d3f4g5h6j7k8l9z0x1c"
MAILS: dict[str, tuple[dict[str, Any], Any]] = {
    "welcome": ({"user": USER}, reverse_lazy("apikeys:key-create")),
    "verify_email": ({"user": USER, "token": TOKEN}, f"/verify-email/{TOKEN}"),
    "already_registered": ({"user": USER}, "/login/"),
    "session_reuse": (
        {"user": USER, "session": Session(user_agent="curl/8"), "ip": "203.0.113.7"},
        "/login/",
    ),
}


def _sent() -> Any:
    (message,) = outbox_of.outbox
    return message


def test_every_message_is_in_the_table():
    folder = Path(settings.BASE_DIR) / "templates" / "emails" / "accounts"

    assert {path.name.split(".")[0] for path in folder.iterdir()} == set(MAILS)


@pytest.mark.parametrize("name", MAILS)
def test_the_subject_is_one_line(name):
    values, _ = MAILS[name]

    subject = render_to_string(
        f"emails/accounts/{name}.subject.txt", {**values, "product": "Tollgate"}
    )

    assert len(subject.strip().splitlines()) == 1
    assert "Tollgate" in subject


@pytest.mark.parametrize("name", MAILS)
def test_text_and_html_name_the_same_link(db, name):
    values, link = MAILS[name]

    owed = mail.send(f"accounts/{name}", to=USER.email, values=values)
    mail.deliver(mail_id=owed.pk, at=timezone.now())

    sent = _sent()
    html = sent.alternatives[0].content
    home = f"{PUBLIC}/"
    assert set(re.findall(r"https?://\S+", sent.body)) == {f"{PUBLIC}{link}", home}
    assert set(re.findall(r'href="([^"]+)"', html)) == {f"{PUBLIC}{link}", home}
    assert "Nora" in sent.body
    assert "Nora" in html


def test_a_replayed_token_is_reported_with_device_and_address(db):
    values, _ = MAILS["session_reuse"]

    owed = mail.send("accounts/session_reuse", to=USER.email, values=values)
    mail.deliver(mail_id=owed.pk, at=timezone.now())

    sent = _sent()
    for part in (sent.body, sent.alternatives[0].content):
        assert "curl/8" in part
        assert "203.0.113.7" in part


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
