"""The log is only ever added to: the database itself refuses everything else, whoever asks."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import AuditLog

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
    entry.pk, entry.sequence, entry.chain = None, 999, organization.pk + 1

    with pytest.raises(DatabaseError, match="auditlog_chain_of_organization"), transaction.atomic():
        entry.save(force_insert=True)
    entry.organization_id = None
    with pytest.raises(DatabaseError, match="auditlog_chain_of_organization"), transaction.atomic():
        entry.save(force_insert=True)


def test_two_entries_never_share_a_place(organization):
    entry = AuditLog.objects.order_by("pk")[0]
    entry.pk = None

    with pytest.raises(DatabaseError, match="auditlog_chain_sequence"), transaction.atomic():
        entry.save(force_insert=True)
