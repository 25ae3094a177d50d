"""The log is only ever added to: the database itself refuses everything else, whoever asks."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from audit.chaining import GENESIS
from audit.models import AuditChain, AuditLog, AuditSeal
from audit.services import months, seals

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_auditlog SET summary = 'nothing happened'",
        "UPDATE audit_auditlog SET hash = hash",
        "DELETE FROM audit_auditlog",
        "TRUNCATE audit_auditlog",
        "UPDATE audit_auditchain SET sequence = sequence - 1",
        "UPDATE audit_auditchain SET sequence = sequence + 2",
        "UPDATE audit_auditchain SET hash = decode(repeat('00', 32), 'hex')",
        "UPDATE audit_auditchain SET chain = chain + 1000",
        "DELETE FROM audit_auditchain",
        "TRUNCATE audit_auditchain",
    ],
)
def test_the_database_refuses(organization, statement):
    before = list(AuditLog.objects.order_by("pk").values())

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert list(AuditLog.objects.order_by("pk").values()) == before


def test_the_orm_is_refused_as_well(organization):
    entry = AuditLog.objects.order_by("pk")[0]

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditLog.objects.filter(pk=entry.pk).update(summary="nothing")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        entry.delete()

    assert AuditLog.objects.filter(pk=entry.pk, summary=entry.summary).exists()


def test_an_entry_stands_in_the_chain_of_its_organization(organization):
    entry = AuditLog.objects.order_by("pk")[0]
    AuditChain.objects.create(chain=organization.pk + 1000, sequence=0, hash=GENESIS)
    entry.pk, entry.sequence, entry.chain = None, 1, organization.pk + 1000
    entry.previous_hash = GENESIS

    with pytest.raises(DatabaseError, match="auditlog_chain_of_organization"), transaction.atomic():
        entry.save(force_insert=True)
    entry.organization_id = None
    with pytest.raises(DatabaseError, match="auditlog_chain_of_organization"), transaction.atomic():
        entry.save(force_insert=True)


@pytest.mark.parametrize(("step", "hash_of_last"), [(0, True), (2, True), (1, False)])
def test_an_entry_only_goes_behind_the_last_one(organization, step, hash_of_last):
    """Whatever month it is in: so no place is taken twice over all partitions."""
    last = AuditLog.objects.filter(chain=organization.pk).order_by("-sequence")[0]
    head = bytes(AuditChain.objects.get(chain=organization.pk).hash)
    last.pk, last.sequence = None, last.sequence + step
    last.previous_hash = head if hash_of_last else bytes(last.previous_hash)
    last.occurred_at += timedelta(days=31)

    with pytest.raises(DatabaseError, match="behind the last one"), transaction.atomic():
        last.save(force_insert=True)

    assert bytes(AuditChain.objects.get(chain=organization.pk).hash) == head


def test_seals_stay_as_they_were_made(organization):
    seals.seal_heads(at=timezone.now())

    for statement in (
        "UPDATE audit_auditseal SET sequence = 1",
        "DELETE FROM audit_auditseal",
        "TRUNCATE audit_auditseal",
        f"TRUNCATE {months.TABLE.name_of(timezone.now().date())}",
    ):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert AuditSeal.objects.exists()
