"""`manage.py audit_verify` names the first edited, deleted, inserted or reordered entry, and a missing tail."""

from threading import Event, Thread

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from audit import selectors
from audit.chaining import hash_of
from audit.models import AuditChain, AuditLog
from organizations.services import organizations
from tests.audit.tampering import tampering

pytestmark = pytest.mark.django_db
LENGTH = 8
# %s: the place of the copy, the chain, the place of the entry that is copied.
COPY = """
INSERT INTO audit_auditlog (sequence, event, summary, organization_id, actor_type, actor_id, actor_label, target_type,
    target_id, old_values, new_values, data, ip, user_agent, request_id, occurred_at, previous_hash, hash, chain)
SELECT %s, event, summary, organization_id, actor_type, actor_id, actor_label, target_type,
    target_id, old_values, new_values, data, ip, user_agent, request_id, occurred_at, previous_hash, hash, chain
FROM audit_auditlog WHERE chain = %s AND sequence = %s
"""


@pytest.fixture
def chain(organization):
    """Return a chain of eight entries."""
    for number in range(LENGTH - 2):
        organizations.update_organization(
            organization=organization,
            changes={"metadata": {"number": number, "text": "Zoë ☕", "rate": 0.1}},
        )
    assert AuditChain.objects.get(chain=organization.pk).sequence == LENGTH
    return organization.pk


def test_an_untouched_log_is_as_it_was_written(chain, foreign_organization, capsys):
    call_command("audit_verify")

    entries = AuditLog.objects.count()
    chains = len(selectors.chains())
    assert (
        capsys.readouterr().out
        == f"{chains} chains with {entries} entries are as they were written.\n"
    )


@pytest.mark.parametrize(
    "number", [1e16, -9e18, 1e15, 2**63 - 1, -0.0, 1.0, 1e-7, 5e-324, [[1e17]]]
)
def test_numbers_that_postgresql_writes_in_its_own_way_are_no_edits(organization, number):
    for value in (number, 1):
        organizations.update_organization(
            organization=organization, changes={"metadata": {"a": value}}
        )

    assert selectors.first_fault(organization.pk) is None
    entry = AuditLog.objects.filter(event="organization.updated").earliest("pk")
    assert entry.new_values["metadata"]["a"] == number


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("summary", "'nothing happened'"),
        ("event", "'organization.updatec'"),
        ("actor_id", "12345"),
        ("actor_label", "'somebody@else'"),
        ("actor_type", "'job'"),
        ("target_id", "0"),
        ("target_type", "'user'"),
        ("old_values", "'{}'"),
        ("new_values", "NULL"),
        ("data", "data || '{\"a\": 1}'"),
        ("ip", "'203.0.113.99'"),
        ("user_agent", "'x'"),
        ("request_id", "'someone-elses'"),
        ("occurred_at", "occurred_at + interval '1 microsecond'"),
        ("hash", "decode(repeat('ab', 32), 'hex')"),
    ],
)
def test_an_edited_entry_is_found(chain, column, value):
    with tampering() as cursor:
        cursor.execute(
            f"UPDATE audit_auditlog SET {column} = {value} WHERE chain = %s AND sequence = 4",  # noqa: S608  our own
            [chain],
        )

    fault = fault_of(chain)

    assert (fault.chain, fault.sequence, fault.kind) == (chain, 4, "edited")


@pytest.mark.parametrize("sequence", [1, 4, LENGTH])
def test_a_deleted_entry_is_found(chain, sequence):
    with tampering() as cursor:
        cursor.execute(
            "DELETE FROM audit_auditlog WHERE chain = %s AND sequence = %s", [chain, sequence]
        )

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (
        sequence,
        "truncated" if sequence == LENGTH else "deleted",
    )


def test_a_missing_tail_is_found(chain):
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s AND sequence > 5", [chain])

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (6, "truncated")


def test_a_deleted_entry_whose_gap_was_closed_is_found(chain):
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s AND sequence = 4", [chain])
        for sequence in range(5, LENGTH + 1):
            cursor.execute(
                "UPDATE audit_auditlog SET sequence = sequence - 1 WHERE chain = %s AND sequence = %s",
                [chain, sequence],
            )

    assert fault_of(chain).sequence == 4


def test_reordered_entries_are_found(chain):
    with tampering() as cursor:
        for before, after in ((3, 100), (5, 3), (100, 5)):
            cursor.execute(
                "UPDATE audit_auditlog SET sequence = %s WHERE chain = %s AND sequence = %s",
                [after, chain, before],
            )

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (3, "reordered")


def test_an_inserted_entry_is_found(chain):
    """Even one that is rightly linked to the entry before it: the one behind it tells."""
    with tampering() as cursor:
        for sequence in range(LENGTH, 3, -1):
            cursor.execute(
                "UPDATE audit_auditlog SET sequence = sequence + 1 WHERE chain = %s AND sequence = %s",
                [chain, sequence],
            )
        cursor.execute(COPY, [4, chain, 3])
        forge(cursor, chain, 4)

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (5, "inserted")


def test_an_entry_added_behind_the_end_is_found(chain):
    with tampering() as cursor:
        cursor.execute(COPY, [9, chain, 8])
        forge(cursor, chain, 9)

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (9, "inserted")


def fault_of(chain):
    fault = selectors.first_fault(chain)
    assert fault is not None
    return fault


def forge(cursor, chain, sequence):
    """Link an entry to the one before it, as somebody would who knows how."""
    entry = AuditLog.objects.get(chain=chain, sequence=sequence)
    previous = bytes(AuditLog.objects.get(chain=chain, sequence=sequence - 1).hash)
    values = {field.attname: getattr(entry, field.attname) for field in AuditLog._meta.fields}
    cursor.execute(
        "UPDATE audit_auditlog SET previous_hash = %s, hash = %s WHERE id = %s",
        [previous, hash_of(values, previous), entry.pk],
    )


def test_a_rewritten_last_entry_is_found(chain):
    with tampering() as cursor:
        cursor.execute(
            "UPDATE audit_auditlog SET summary = 'forged' WHERE chain = %s AND sequence = 8",
            [chain],
        )
        forge(cursor, chain, 8)

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (8, "edited")


def test_a_missing_head_is_found(chain):
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditchain WHERE chain = %s", [chain])

    assert fault_of(chain).kind == "deleted"
    assert chain in selectors.chains()


def test_an_emptied_chain_is_found(chain):
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s", [chain])

    fault = fault_of(chain)

    assert (fault.sequence, fault.kind) == (1, "truncated")


def test_a_chain_that_is_gone_altogether_is_found(chain):
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s", [chain])
        cursor.execute("DELETE FROM audit_auditchain WHERE chain = %s", [chain])

    assert chain in selectors.chains()
    assert fault_of(chain).kind == "deleted"


def test_the_command_names_every_chain_with_a_fault(chain, foreign_organization, capsys):
    with tampering() as cursor:
        cursor.execute(
            "UPDATE audit_auditlog SET summary = 'forged' WHERE chain = %s AND sequence = 4",
            [chain],
        )

    with pytest.raises(CommandError, match="1 of 3 chains are not as they were written"):
        call_command("audit_verify", "0", str(chain), str(foreign_organization.pk))

    row = AuditLog.objects.get(chain=chain, sequence=4)
    assert capsys.readouterr().out == (
        f"chain {chain}: edited at 4: Entry 4 (row {row.pk}) is not what was written.\n"
    )
    call_command("audit_verify", str(foreign_organization.pk))


@pytest.mark.django_db(transaction=True)
def test_a_log_that_is_being_written_is_not_taken_for_a_broken_one(organization):
    stop = Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            organizations.update_organization(
                organization=organization, changes={"metadata": {"number": number}}
            )
        connections.close_all()

    writer = Thread(target=write)
    writer.start()
    try:
        faults = [selectors.first_fault(organization.pk) for _ in range(40)]
    finally:
        stop.set()
        writer.join()

    assert faults == [None] * 40
