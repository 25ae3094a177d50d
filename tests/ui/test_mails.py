"""Every message: a subject of one line, and a text and an HTML part that name the same link."""

import re

import pytest
from django.template.loader import render_to_string

from accounts.models import Session, User
from tests.architecture.source import ROOT

MESSAGES = sorted(
    f"accounts/{path.name.removesuffix('.subject.txt')}"
    for path in (ROOT / "templates" / "emails" / "accounts").glob("*.subject.txt")
)
PUBLIC_URL = "https://tollgate.test"
LINK = re.compile(rf"{PUBLIC_URL}/[\w/-]+")


@pytest.fixture
def values():
    user = User(email="olivia@northwind.test", full_name="Olivia & Sons")
    return {
        "user": user,
        "token": "a" * 43,
        "product": "Tollgate",
        "public_url": PUBLIC_URL,
        "session": Session(user=user, user_agent="Firefox on <Linux>"),
        "ip": "203.0.113.7",
    }


def test_all_messages_are_here():
    assert MESSAGES == [
        "accounts/already_registered",
        "accounts/session_reuse",
        "accounts/verify_email",
        "accounts/welcome",
    ]


@pytest.mark.parametrize("message", MESSAGES)
def test_subject_is_one_line(message, values):
    subject = render_to_string(f"emails/{message}.subject.txt", values).strip()

    assert subject
    assert "\n" not in subject


@pytest.mark.parametrize("message", MESSAGES)
def test_text_and_html_name_the_same_link(message, values):
    text = render_to_string(f"emails/{message}.body.txt", values)
    html = render_to_string(f"emails/{message}.body.html", values)

    assert len(set(LINK.findall(text))) == 1
    assert set(LINK.findall(text)) == set(LINK.findall(html))


@pytest.mark.parametrize("message", MESSAGES)
def test_text_is_plain_and_html_is_escaped(message, values):
    text = render_to_string(f"emails/{message}.body.txt", values)
    html = render_to_string(f"emails/{message}.body.html", values)

    assert "Olivia" in text
    assert "&amp;" not in text
    assert "<Linux>" not in html


def test_verification_carries_the_token(values):
    text = render_to_string("emails/accounts/verify_email.body.txt", values)

    assert f"{PUBLIC_URL}/verify-email/{'a' * 43}" in text
