"""Signed heads: what somebody who owns the database and knows how hashes are made cannot undo."""

import base64
import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit import selectors, signing, tasks
from audit.chaining import hash_of
from audit.models import AuditChain, AuditLog, AuditSeal
from audit.services import entries, months, seals
from billing.models import Subscription
from organizations.models import Organization
from organizations.services import organizations
from organizations.signals import OrganizationSuspended
from tests.audit.tampering import tampering
from tests.race import at_once

pytestmark = pytest.mark.django_db
KEYS = [f"{name}:{base64.b64encode(name.encode() * 32).decode()}" for name in ("b", "a")]


def write(organization, count):
    for number in range(count):
        organizations.update_organization(
            organization=organization, changes={"metadata": {"number": number, "more": count}}
        )


@pytest.fixture
def sealed(organization):
    """Return a chain of six entries whose head is sealed."""
    write(organization, 4)
    seals.seal_heads(at=timezone.now())
    return organization.pk


def rewritten(cursor, chain, first):
    """Change an entry, then compute it and all behind it, and the head, anew."""
    previous = bytes(AuditLog.objects.get(chain=chain, sequence=first - 1).hash)
    for entry in AuditLog.objects.filter(chain=chain, sequence__gte=first).order_by("sequence"):
        values = {field.attname: getattr(entry, field.attname) for field in AuditLog._meta.fields}
        values["summary"] = "nothing happened"
        digest = hash_of(values, previous)
        cursor.execute(
            "UPDATE audit_auditlog SET summary = %s, previous_hash = %s, hash = %s WHERE id = %s",
            [values["summary"], previous, digest, entry.pk],
        )
        previous = digest
    cursor.execute("UPDATE audit_auditchain SET hash = %s WHERE chain = %s", [previous, chain])


def cut(cursor, chain, last):
    """Take away what is behind an entry, and move the head back to it."""
    cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s AND sequence > %s", [chain, last])
    digest = bytes(AuditLog.objects.get(chain=chain, sequence=last).hash)
    cursor.execute(
        "UPDATE audit_auditchain SET sequence = %s, hash = %s WHERE chain = %s",
        [last, digest, chain],
    )


def fault_of(chain):
    fault = selectors.first_fault(chain)
    return fault and (fault.sequence, fault.kind)


def test_a_sealed_chain_verifies_and_goes_on(sealed, organization):
    assert fault_of(sealed) is None

    write(organization, 2)

    assert fault_of(sealed) is None


def test_a_history_that_was_written_anew_is_found(sealed):
    with tampering() as cursor:
        rewritten(cursor, sealed, 3)

    assert fault_of(sealed) == (6, "edited")


def test_a_tail_that_was_cut_with_its_head_is_found(sealed):
    with tampering() as cursor:
        cut(cursor, sealed, 4)

    assert fault_of(sealed) == (5, "truncated")
    assert "there were 6" in selectors.first_fault(sealed).detail


def test_a_cut_chain_that_went_on_is_found(sealed, organization):
    with tampering() as cursor:
        cut(cursor, sealed, 4)
    write(organization, 5)

    assert fault_of(sealed) == (6, "edited")


@pytest.mark.parametrize(
    "column",
    [
        "sequence = 4",
        "hash = decode(repeat('00', 32), 'hex')",
        "kind = 'ANCHOR'",
        "leftover = '[[1, \"00\"]]'",
    ],
)
def test_a_seal_that_was_changed_is_found(sealed, column):
    with tampering() as cursor:
        cursor.execute(f"UPDATE audit_auditseal SET {column} WHERE chain = %s", [sealed])  # noqa: S608  our own

    assert fault_of(sealed)[1] == "forged"


def test_a_seal_of_somebody_elses_key_is_found(sealed, settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "x" * 60, []

    fault = selectors.first_fault(sealed)

    assert fault.kind == "unverifiable"
    assert "is not configured" in fault.detail


def test_keys_are_exchanged_and_old_seals_still_hold(sealed, organization, settings):
    settings.AUDIT_SIGNING_KEYS = KEYS[1:]
    write(organization, 1)
    seals.seal_heads(at=timezone.now())
    settings.AUDIT_SIGNING_KEYS = KEYS
    write(organization, 2)
    seals.seal_heads(at=timezone.now())

    used = AuditSeal.objects.filter(chain=sealed).order_by("pk").values_list("key_id", flat=True)
    assert used[0].startswith("derived-")
    assert list(used[1:]) == ["a", "b"]
    assert fault_of(sealed) is None


def test_a_new_secret_key_keeps_the_old_one_for_checking(sealed, organization, settings):
    old = settings.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "y" * 60, [old]
    write(organization, 1)
    seals.seal_heads(at=timezone.now())

    assert fault_of(sealed) is None
    assert AuditSeal.objects.filter(chain=sealed).values("key_id").distinct().count() == 2


def test_only_chains_that_moved_are_sealed(sealed, organization, foreign_organization):
    write(organization, 1)

    count = seals.seal_heads(at=timezone.now() + timedelta(days=1))

    assert count == 2  # the stranger's is new
    assert seals.seal_heads(at=timezone.now()) == 0
    assert AuditSeal.objects.filter(chain=sealed).count() == 2


def test_a_signature_can_be_checked_with_the_public_key(sealed):
    seal = AuditSeal.objects.get(chain=sealed)
    head = AuditChain.objects.get(chain=sealed)
    statement = signing.statement_of(
        chain=sealed,
        sequence=6,
        digest=bytes(head.hash),
        kind="DAILY",
        leftover=[],
        sealed_at=seal.sealed_at,
        key_id=seal.key_id,
    )

    signing.public_key(seal.key_id).verify(bytes(seal.signature), statement)


def test_the_daily_job_seals(organization):
    tasks.seal_chains()

    assert AuditSeal.objects.filter(chain=organization.pk, kind="DAILY").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_jobs_at_once_seal_each_head_once(organization):
    outcomes = at_once(*[lambda: seals.seal_heads(at=timezone.now())] * 4)

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert AuditSeal.objects.filter(chain=organization.pk).count() == 1
    assert fault_of(organization.pk) is None


@pytest.fixture
def kept(sealed, tmp_path):
    """Return a file with the seals, somewhere else."""
    output = io.StringIO()
    call_command("audit_seals", stdout=output)
    file = tmp_path / "seals.jsonl"
    file.write_text(output.getvalue(), encoding="utf-8")
    return file


def test_a_log_agrees_with_seals_that_were_kept_elsewhere(kept, organization):
    write(organization, 3)

    call_command("audit_verify", "--against", str(kept))


def test_even_seals_that_were_cut_off_with_the_tail_are_missed(sealed, kept, capsys):
    with tampering() as cursor:
        cut(cursor, sealed, 4)
        cursor.execute("DELETE FROM audit_auditseal WHERE chain = %s", [sealed])
    assert fault_of(sealed) is None  # the database alone cannot tell

    with pytest.raises(CommandError, match="1 of"):
        call_command("audit_verify", "--against", str(kept))

    assert f"chain {sealed}: truncated at 6" in capsys.readouterr().out


def test_a_chain_of_which_nothing_is_left_is_missed_by_whom_kept_its_seals(sealed, kept, capsys):
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s", [sealed])
        cursor.execute("DELETE FROM audit_auditseal WHERE chain = %s", [sealed])
        cursor.execute("DELETE FROM audit_auditchain WHERE chain = %s", [sealed])
    Subscription.objects.filter(organization_id=sealed).delete()
    Organization.objects.filter(pk=sealed).delete()
    assert sealed not in selectors.chains()

    with pytest.raises(CommandError, match="1 of"):
        call_command("audit_verify", "--against", str(kept))

    assert f"chain {sealed}: truncated at 6" in capsys.readouterr().out


def test_only_the_chains_that_are_named_are_compared_with_kept_seals(sealed, kept):
    with tampering() as cursor:
        cut(cursor, sealed, 4)
        cursor.execute("DELETE FROM audit_auditseal WHERE chain = %s", [sealed])

    call_command("audit_verify", "0", "--against", str(kept))


def test_a_history_with_new_seals_contradicts_the_kept_ones(sealed, kept, capsys):
    with tampering() as cursor:
        rewritten(cursor, sealed, 2)
        cursor.execute("DELETE FROM audit_auditseal WHERE chain = %s", [sealed])

    with pytest.raises(CommandError, match="1 of"):
        call_command("audit_verify", "--against", str(kept))

    assert f"chain {sealed}: edited at 6" in capsys.readouterr().out


def test_what_retention_dropped_does_not_contradict(kept, organization):
    later = timezone.now() + timedelta(days=months.days_kept() + 62)
    entries.record(OrganizationSuspended(organization_id=organization.pk, reason="x"), at=later)
    assert months.drop_expired(at=later)

    call_command("audit_verify", "--against", str(kept))


@pytest.mark.parametrize("content", ["{", "{}", '{"chain": 1}'])
def test_a_file_of_something_else_is_refused(sealed, tmp_path, content):
    file = tmp_path / "seals.jsonl"
    file.write_text(content, encoding="utf-8")

    with pytest.raises(CommandError, match=r"cannot be read|is no seal"):
        call_command("audit_verify", "--against", str(file))


def test_the_command_can_only_print(sealed, organization, capsys):
    write(organization, 2)

    call_command("audit_seals", "--only-print")

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["sequence"] for line in lines if line["chain"] == sealed] == [6]
