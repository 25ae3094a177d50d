"""Filters beside the back office's lists read as words."""

import re

import pytest
from django.contrib.admin import site
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notice, Session
from config.backoffice.lent import OURS
from config.common.admin_filters import words_of
from config.common.models import OutgoingMail

pytestmark = pytest.mark.django_db
OURSELVES = [
    model
    for model, page in site._registry.items()
    if page.list_filter
    and (model._meta.app_label in OURS | {"common"} or model._meta.model_name == "periodictask")
]


@pytest.fixture
def office(portal_as, sam):
    """Return Sam's browser."""
    return portal_as(sam)


def filters_of(office, model):
    """Return what a list can be filtered by: the choices of each title."""
    meta = model._meta
    page = office.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"))
    listed = page.context["cl"]
    return {
        str(spec.title): [str(choice["display"]) for choice in spec.choices(listed)]
        for spec in listed.filter_specs
    }


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("webhook.disabled", "Webhook disabled"),
        ("accounts/new_device", "Accounts: new device"),
        ("api_key.ip_refused", "API key IP refused"),
        ("two_factor_enabled", "Two factor enabled"),
        ("RATE_LIMITED", "Rate limited"),
        ("A", "A"),
        ("", ""),
    ],
)
def test_words_are_made_of_names(value, words):
    assert words_of(value) == words


def test_no_filter_shows_a_name_of_the_machine(office):
    assert len(OURSELVES) > 20
    for model in OURSELVES:
        for title, choices in filters_of(office, model).items():
            assert not re.match(r"(by|is|in) |.* at$", title), (model, title)
            odd = [text for text in choices if re.search(r"\w[_/.]\w|^[a-z]|Empty", text)]
            assert odd == [], (model, title)


def test_titles_and_choices_make_sense(office, sam):
    now = timezone.now()
    Notice.objects.create(user=sam, kind="webhook.disabled", title="x")
    OutgoingMail.objects.create(kind="accounts/new_device", next_attempt_at=now)
    Session.objects.update(ended_reason="two_factor_enabled", method=Session.Method.TOTP)
    spoken = {
        f"{model._meta.model_name}, by {title}": choices
        for model in (Notice, OutgoingMail)
        for title, choices in filters_of(office, model).items()
    }

    assert spoken == {
        "notice, by kind": ["All", "Webhook disabled"],
        "notice, by state": ["All", "Unread", "Read"],
        "outgoingmail, by kind": ["All", "Accounts: new device"],
        "outgoingmail, by sending": ["All", "Not sent", "Sent"],
        "outgoingmail, by giving up": ["All", "Not given up", "Given up"],
    }
    ended = filters_of(office, Session)["reason of ending"]
    assert ended == ["All", "Two factor enabled"]


def test_a_named_filter_filters(office, sam):
    for kind in ("webhook.disabled", "api_key.outdated"):
        Notice.objects.create(user=sam, kind=kind, title=kind)

    page = office.get("/admin/accounts/notice/?kind=webhook.disabled")

    assert [row.kind for row in page.context["cl"].result_list] == ["webhook.disabled"]
