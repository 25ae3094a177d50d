"""What an act changes is locked before the first word of it is told: who tells something waits in line at the log's lock.

Two acts that take these in different orders wait for each other, and the database ends one of them.
"""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Device
from accounts.services import (
    deletions,
    devices,
    email_changes,
    passkeys,
    passwords,
    registration,
    two_factor,
)
from tests.doubles.authenticator import enrolled
from tests.factories.accounts import PASSWORD
from tests.factors import enroll

pytestmark = pytest.mark.django_db
NEW_PASSWORD = "four other quiet words"
_LOCKED = re.compile(r'FROM "(\w+)".* FOR (?:NO KEY )?UPDATE')
_CHANGED = re.compile(r'(?:UPDATE|DELETE FROM) "(\w+)"')


def locked_before_the_log(seen):
    """Return the tables of which rows are locked when the log's head is, and those that are first changed after it."""
    held: set[str] = set()
    late: set[str] = set()
    is_told = False
    for sql in (query["sql"] for query in seen):
        found = _LOCKED.search(sql) or _CHANGED.match(sql)
        is_told = is_told or (found is not None and found[1] == "audit_auditchain")
        if found is not None:
            (late if is_told else held).add(found[1])
    assert is_told
    return held, late - held


def removes_a_passkey(olivia, _mailed):
    _, passkey = enrolled(olivia)
    return lambda: passkeys.remove(user=olivia, passkey_id=passkey.pk)


def forgets_a_device(olivia, _mailed):
    device = Device.objects.get(user=olivia)
    return lambda: devices.remove(user=olivia, device_id=device.pk)


def sets_a_password_while_the_address_is_to_change(olivia, mailed):
    now = timezone.now()
    email_changes.request(user=olivia, email="olivia@elsewhere.example", password=PASSWORD, at=now)
    passwords.request_reset(email=olivia.email, at=now)
    token = mailed(olivia.email, "reset_password")
    return lambda: passwords.reset(token=token, password=NEW_PASSWORD, at=now)


def turns_the_app_off(olivia, _mailed):
    app = enroll(olivia)
    return lambda: two_factor.disable(
        user=olivia, session_id=None, password=PASSWORD, code=app.code(), at=timezone.now()
    )


def loses_every_factor(olivia, _mailed):
    enroll(olivia)
    enrolled(olivia)
    return lambda: two_factor.reset(user=olivia, reason="lost")


ACTS = [
    removes_a_passkey,
    forgets_a_device,
    sets_a_password_while_the_address_is_to_change,
    turns_the_app_off,
    loses_every_factor,
]


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.__name__)
def test_sessions_are_held_before_the_log(api_as, olivia, mailed_token, act):
    api_as(olivia)
    carry_out = act(olivia, mailed_token)

    with CaptureQueriesContext(connection) as seen:
        carry_out()

    held, late = locked_before_the_log(seen)
    assert "accounts_session" in held
    assert not late & {"accounts_session", "accounts_passkey", "accounts_emailtoken"}


def test_all_that_is_erased_is_held_before_the_log(api_as, stan, mailed_token):
    api_as(stan)
    enrolled(stan)
    registration.resend_verification(email=stan.email)

    with CaptureQueriesContext(connection) as seen:
        deletions.erase(user_id=stan.pk, at=timezone.now())

    held, late = locked_before_the_log(seen)
    own = {f"accounts_{name}" for name in ("session", "emailtoken", "passkey", "dataexport")}
    assert own | {"common_outgoingmail"} <= held
    assert not {table for table in late if table.startswith(("accounts_", "common_"))}


def test_a_person_is_held_before_their_link(mailed_token):
    registration.register(email="nora@example.com", password=NEW_PASSWORD)
    token = mailed_token("nora@example.com")

    with CaptureQueriesContext(connection) as seen:
        registration.verify_email(token=token, at=timezone.now())

    statements = [query["sql"] for query in seen]
    tables = [
        found[1] for sql in statements if (found := _LOCKED.search(sql) or _CHANGED.match(sql))
    ]
    assert tables[:2] == ["accounts_user", "accounts_emailtoken"]
