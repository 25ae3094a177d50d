"""Every form of the portal, sent by whom its page is for and by others, with what no page of ours would send along."""

import re
from html import escape
from string import Template
from typing import Any

import pytest
from django.urls import reverse

from accounts.models import Passkey, User
from apikeys.models import ApiKey
from config.common import idempotency
from organizations.models import CustomRole, Organization, OrganizationMember
from tests.api.page_forms import FORMS, OF_EVERYBODY, TOKENS, Visitors, routes
from tests.api.test_mass_assignment import columns, everything
from tests.api.world import REQUEST_ID
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitors(world, portal, portal_as, redis_client, monkeypatch):
    # A test is one transaction: what bounds a single form's would bound all of them together.
    monkeypatch.setattr(idempotency, "_LOCK_SECONDS", 3_600)
    return Visitors(world, portal, portal_as, redis_client)


def _unchanged(before):
    """Return a check of what differs, but for messages to the person and the note that they were refused."""
    noted = ("audit_", "django_session")

    def check(_):
        after = everything()
        return [
            table
            for table in after
            if before[table] != after[table] and not table.startswith(noted)
        ]

    return check


def test_every_form_is_in_the_table(portal):
    takers = set()
    for name, parameters in routes().items():
        token = {"token": TOKENS[name]} if name in TOKENS else {}
        path = reverse(name, kwargs={**dict.fromkeys(parameters, 1), **token})
        # Whatever a page takes is told to who asks in a way that none takes.
        if "POST" in portal.put(path)["Allow"]:
            takers.add(name)

    assert takers == set(FORMS)


WITH_ID = [name for name in FORMS if routes()[name]]


def test_what_is_foreign_is_missing(visitors):
    before = everything()
    wrong: list[Any] = []

    for name in WITH_ID:
        for headers in ({}, {"HX-Request": "true"}):
            told = []
            for whose in ("foreign", "missing"):
                answer, changed = visitors.send(
                    name,
                    visitors.values(name).items(),
                    whose=whose,
                    check=_unchanged(before),
                    headers={"X-Request-Id": REQUEST_ID, **headers},
                )
                told.append((answer.status_code, answer.content))
                wrong += [(name, whose, changed)] if changed else []
            if told[0] != told[1] or told[0][0] != 404:
                wrong.append((name, [status for status, _ in told]))

    assert wrong == []


# Ids that a form takes: of another organization they are no choice, just as if there were none.
IN_BODIES = [
    ("organizations:transfer", "user_id", "$user_id"),
    ("organizations:switch", "organization", "$organization_id"),
    ("organizations:member-role", "role", "custom:$role_id"),
    ("organizations:invite", "role", "custom:$role_id"),
    ("organizations:role-delete", "role", "custom:$role_id"),
    *(
        ("organizations:grant-list", "on", on)
        for on in ("organization:$organization_id", "key:$id", "webhook:$webhook_id")
    ),
]


@pytest.mark.parametrize(("name", "field", "value"), IN_BODIES)
def test_a_foreign_id_in_a_form_is_a_missing_one(visitors, name, field, value):
    before = everything()
    told: list[Any] = []

    for whose in ("foreign", "missing"):
        known = visitors.world.path_values(whose)
        sent = visitors.values(name) | {field: Template(value).substitute(known)}
        answer, changed = visitors.send(
            name, sent.items(), check=_unchanged(before), headers={"X-Request-Id": REQUEST_ID}
        )
        assert changed == []
        faults = re.findall(r'<ul class="errorlist.*?</ul>', answer.content.decode(), re.DOTALL)
        shown = [fault.replace(sent[field], "…") for fault in faults] or answer.content
        told.append((answer.status_code, answer.get("Location"), shown))

    assert told[0] == told[1]


def test_what_a_page_hides_from_a_viewer_is_not_done(visitors):
    before, done = everything(), []

    for name in FORMS:
        if name.startswith("accounts:") or name in OF_EVERYBODY:
            continue
        answer, changed = visitors.send(
            name, visitors.values(name).items(), who="viewer", check=_unchanged(before)
        )
        if answer.status_code != 403 or changed:
            done.append((name, answer.status_code, changed))

    assert done == []


# What a form must not reach: by their values, as rows that a form makes are new each time.
_MODELS = (User, Organization, OrganizationMember, CustomRole, ApiKey, Webhook, Passkey)
_NAMES = {"organization": "organization__name", "user": "user__email", "created_by": "created_by"}
_NEW_EACH_TIME = {"slug", "last4", "prefix", "password", "secret_encrypted", "headers_encrypted"}


def _state(_=None):
    """Return what the rows hold that a form may make or change, moments and secrets aside."""
    state = {}
    for model in _MODELS:
        names = [
            _NAMES.get(field.name, field.name)
            for field in model._meta.concrete_fields
            if not (
                field.primary_key or field.get_internal_type() in {"DateTimeField", "BinaryField"}
            )
            and (not field.is_relation or field.name in _NAMES)
            and field.name not in _NEW_EACH_TIME
        ]
        state[model.__name__] = list(model._default_manager.order_by("pk").values(*names))
    return state


@pytest.mark.parametrize("value", ["1", "SUPER_ADMIN"])
def test_columns_that_are_no_fields_reach_nothing(visitors, value):
    before, wrong, changing = _state(), [], set()

    for name, (_, fields) in FORMS.items():
        sent = list(visitors.values(name).items())
        extra = [(column, value) for column in sorted(columns() - set(fields))]
        # What is a choice of buttons, a way on or a field of its own kind is tried elsewhere.
        extra = [pair for pair in extra if pair[0] not in {"answer", "next", "code", "by", "to"}]
        alone, made = visitors.send(name, sent, check=_state)
        along, made_along = visitors.send(name, [*sent, *extra], check=_state)
        changing |= {name} if made != before else set()
        if (alone.status_code, made) != (along.status_code, made_along):
            wrong.append((name, alone.status_code, along.status_code))

    assert wrong == []
    assert len(changing) > 20


HOSTILE: list[str | bytes] = [
    *("\x00", b"\xed\xa0\x80", "9" * 400, "[" * 3_000, "no choice", "A" * 100_000),
    *(
        "",
        " ",
        "a\x00b",
        b"\xff\xfe",
        b"\xc0\x80",
        "-1",
        "NaN",
        "1e400",
        "\N{ARABIC-INDIC DIGIT THREE}",
    ),
    *("\r\nSet-Cookie: a=b", "\N{RIGHT-TO-LEFT OVERRIDE}abc", "\N{GRINNING FACE}" * 40),
    *("0001-01-01T00:00", "9999-12-31T23:59", "custom:x", f"organization:{'9' * 40}"),
    *("//evil.example", "javascript:alert(1)", "http://[::1", "10.0.0.0/99", "A" * 900_000),
]


@pytest.mark.parametrize(
    "values", [HOSTILE[:3], pytest.param(HOSTILE, marks=pytest.mark.trial)], ids=["short", "full"]
)
def test_no_value_is_a_failure_of_ours(visitors, values):
    told: dict[int, set[str]] = {}

    for name in FORMS:
        sent = visitors.values(name)
        variants: list[Any] = [[], [("x" * 300, "y")], [("x", "y")] * 600]
        for field in sent:
            variants += [
                [pair for pair in sent.items() if pair[0] != field],
                [*sent.items(), (field, "twice")],
                *((sent | {field: value}).items() for value in values),
            ]
        for pairs in variants:
            told.setdefault(visitors.send(name, pairs)[0].status_code, set()).add(name)

    assert told.pop(404) == {"organizations:switch"}
    assert told.pop(401) == {"accounts:passkey-second-factor-options"}
    assert set(told) <= {200, 302, 400, 413}


# Not shown again, or not by their value: secrets, ways on, and choices.
_NOT_WRITTEN = re.compile(
    "credential|next|by|enabled|trust_device|event_types|permissions?|kind|signature|what|role|on"
    "|environment|time_zone|quota_period|.*password"
)


def test_what_was_typed_is_kept_and_the_cursor_goes_to_the_fault(visitors):
    lost, faulty = [], set()

    for name in FORMS:
        sent = visitors.values(name)
        for field in sent:
            answer, _ = visitors.send(name, (sent | {field: "A" * 5_000}).items())
            page = answer.content.decode()
            if answer.status_code != 200 or "errorlist" not in page:
                continue
            faulty.add(name)
            others = {one for one in sent if one != field and not _NOT_WRITTEN.fullmatch(one)}
            lost += [(name, field, one) for one in others if escape(sent[one]) not in page]
            lost += [] if "autofocus" in page else [(name, field, "the cursor")]

    assert lost == []
    assert len(faulty) > 20
