"""Every change is told with the values before and after it, and secrets are named without being told."""

import ast
from datetime import UTC, datetime

import pytest
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from accounts.services import passwords, suspension
from apikeys.services import keys
from audit.models import AuditLog
from config.common import changes
from config.common.columns import encrypted_columns
from config.common.events import ChangeNotTold, catalogue, publish
from config.common.logs import REDACTED
from organizations.access import on_behalf_of
from organizations.services import members
from organizations.signals import OrganizationSuspended
from tests.architecture.source import modules
from tests.factories.accounts import UserFactory

# What is noticed, and changes no row that anybody looks at.
NOTICES = {
    "api_key.address_refused",
    "audit_log.exported",
    "broadcast.tested",
    "passkey.clone_suspected",
    "passkey.refused",
    "security.address_blocked",
    "security.foreign_row_requested",
    "security.pace_exceeded",
    "security.permission_denied",
    "session.code_refused",
    "session.login_failed",
    "session.login_locked",
    "session.login_refused",
    "session.token_reused",
    "staff.access_refused",
    "user.export_downloaded",
    "user.password_reset_requested",
    "webhook.conformance_finished",
    "webhook.conformance_requested",
    "webhook.deliveries_requeued",
    "webhook.failures_noticed",
    "webhook.recovered",
    "webhook.tested",
}


def test_every_event_is_a_change_or_a_notice():
    """A new event says which of the two it is: `is_change = True`, or a line above."""
    undecided = {event.name for event in catalogue() if not event.is_change} - NOTICES

    assert undecided == set()
    assert not {event.name for event in catalogue() if event.is_change} & NOTICES


def test_every_publication_of_a_change_brings_values():
    changing = {event.__name__ for event in catalogue() if event.is_change}
    silent, told = [], set()
    for path in modules():
        for call, events in _publications(path):
            # The fields of a ChangeEvent, or the arguments of `publish`.
            given = {word.arg for one in (call, *events) for word in one.keywords}
            names = {event.func.id for event in events} & changing
            if names and not given & {"before", "after", None}:
                silent.append(f"{path}: {sorted(names)}")
            told |= names

    assert silent == []
    assert changing - told == set()


def _publications(path):
    """Yield every call of `publish` in a module with the events that may be meant."""
    for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(function, ast.FunctionDef):
            continue
        nodes = list(ast.walk(function))
        names = {
            target.id: node.value
            for node in nodes
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in nodes:
            if isinstance(node, ast.Call) and _calls(node) == "publish" and node.args:
                meant = node.args[0]
                meant = names.get(meant.id, meant) if isinstance(meant, ast.Name) else meant
                yield node, [one for one in ast.walk(meant) if _calls(one)]


def _calls(node):
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return node.func.id if is_call else ""


@pytest.mark.django_db
def test_a_change_without_values_is_refused(organization):
    with pytest.raises(ChangeNotTold), transaction.atomic():
        publish(OrganizationSuspended(organization_id=organization.pk, reason="x"))

    assert not AuditLog.objects.filter(event="organization.suspended").exists()


@pytest.mark.django_db
def test_what_is_new_has_all_its_columns(organization, olivia):
    key, _secret = keys.create_key(
        organization=organization,
        created_by=None,
        settings={"name": "Checkout", "environment": "live", "scopes": ["orders:read"]},
        at=timezone.now(),
    )

    entry = AuditLog.objects.get(event="api_key.created")
    assert entry.old_values is None
    assert entry.new_values["name"] == "Checkout"
    assert entry.new_values["scopes"] == ["orders:read"]
    assert entry.new_values["organization_id"] == organization.pk
    assert not {"id", "created_at", "updated_at", "version"} & set(entry.new_values or {})
    assert entry.target_id == key.pk


@pytest.mark.django_db
def test_what_is_removed_has_what_it_was(organization):
    member = members.add_member(organization=organization, user=UserFactory.create(), role="MEMBER")

    members.remove_member(tenant=on_behalf_of(organization), user_id=member.user_id)

    entry = AuditLog.objects.get(event="member.removed")
    assert entry.old_values == {"user_id": member.user_id, "role": "MEMBER"}
    assert entry.new_values is None


@pytest.mark.django_db
def test_what_is_changed_has_only_what_differs(olivia):
    suspension.suspend(user=olivia, reason="fraud")

    entry = AuditLog.objects.get(event="user.suspended")
    assert entry.old_values == {"status": "ACTIVE", "suspended_reason": ""}
    assert entry.new_values == {"status": "SUSPENDED", "suspended_reason": "fraud"}


@pytest.mark.django_db
def test_a_new_password_is_named_and_not_told(olivia):
    with transaction.atomic():
        passwords.record_change(user=olivia)

    entry = AuditLog.objects.get(event="user.password_changed")
    assert (entry.old_values, entry.new_values) == ({"password": REDACTED}, {"password": REDACTED})


def test_a_secret_that_changes_is_seen_to_change():
    person = User(email="a@example.com", password="pbkdf2$old", full_name="A")
    before = changes.snapshot(person)
    person.password = "pbkdf2$new"

    told = changes.since(before, person)

    assert told == {"before": {"password": REDACTED}, "after": {"password": REDACTED}}
    assert changes.told(person, ("password", "full_name")) == {
        "password": REDACTED,
        "full_name": "A",
    }


def test_no_encrypted_column_and_no_digest_is_ever_told():
    columns = list(encrypted_columns())

    assert len(columns) >= 5
    for column in columns:
        row = column.model(**{column.attname: "k1:c2VjcmV0"})
        assert changes.told(row)[column.attname] == REDACTED, column


def test_values_are_written_as_json_holds_them():
    at = datetime(2026, 2, 1, 8, tzinfo=UTC)

    assert changes.of(revoked_at=(None, at), tags=(["a"], ("a", "b"))) == {
        "before": {"revoked_at": None, "tags": ["a"]},
        "after": {"revoked_at": "2026-02-01T08:00:00Z", "tags": ["a", "b"]},
    }
