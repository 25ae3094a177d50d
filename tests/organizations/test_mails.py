"""The mails of organizations: one-line subjects, and text and HTML that tell the same and name the same links."""

import html
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template.loader import render_to_string

from accounts.models import User
from organizations.models import Organization, OrganizationInvitation

FOLDER = Path(settings.BASE_DIR) / "templates" / "emails" / "organizations"
TRAP = "Acme https://evil.example"
MAILS = {
    "invitation": ("Olivia invites you to Acme", f"/invitations/{'t' * 43}/", "MEMBER"),
    "closed": ("Acme is closed", "/organizations/switch/", ""),
    "two_factor_required": ("Acme requires two-factor authentication", "/security/", ""),
}


def rendered(name, organization="Acme"):
    values = {
        "public_url": settings.PUBLIC_URL,
        "product": settings.PRODUCT_NAME,
        "organization": Organization(name=organization),
        "invitation": OrganizationInvitation(email="nora@example.com", role="MEMBER"),
        "by": User(email="olivia@example.com", full_name="Olivia Owner"),
        "user": User(email="nora@example.com", full_name="Nora Newcomer"),
        "token": "t" * 43,
    }
    parts = ("subject.txt", "body.txt", "body.html")
    return [render_to_string(f"emails/organizations/{name}.{part}", values) for part in parts]


def test_every_message_is_in_the_table():
    assert {path.name.split(".")[0] for path in FOLDER.iterdir()} == set(MAILS)
    assert len(list(FOLDER.iterdir())) == 3 * len(MAILS)


@pytest.mark.parametrize("name", MAILS)
def test_it_says_what_it_is_and_leads_to_one_place(name):
    subject, text, content = rendered(name)

    assert subject.strip() == MAILS[name][0]
    expected = {f"{settings.PUBLIC_URL}{MAILS[name][1]}", f"{settings.PUBLIC_URL}/"}
    assert set(re.findall(r"https?://\S+", text)) == expected
    assert set(re.findall(r'href="([^"]+)"', content)) == expected


@pytest.mark.parametrize("name", MAILS)
def test_a_name_is_no_link(name):
    _, text, content = rendered(name, organization=TRAP)

    assert "https://evil.example" not in text
    assert "https://evil.example" not in html.unescape(content)


def test_without_a_sender_nobody_is_named():
    values = {
        "public_url": settings.PUBLIC_URL,
        "product": settings.PRODUCT_NAME,
        "organization": Organization(name="Acme"),
        "invitation": OrganizationInvitation(email="nora@example.com", role="VIEWER"),
        "by": None,
        "token": "t" * 43,
    }

    subject = render_to_string("emails/organizations/invitation.subject.txt", values)
    text = render_to_string("emails/organizations/invitation.body.txt", values)

    assert subject.strip() == "You are invited to Acme"
    assert "None" not in text
    assert "you are invited to work in Acme" in text
