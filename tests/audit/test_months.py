"""The log lies in months; those that no plan shows go as a whole, and what is left still verifies."""

from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import OperationalError, connection, transaction

from audit import selectors, tasks
from audit.models import AuditChain, AuditLog, AuditSeal
from audit.services import entries, months
from billing.models import Plan
from organizations.signals import OrganizationSuspended
from tests.audit.tampering import tampering
from tests.race import at_once

pytestmark = pytest.mark.django_db
NOW = datetime(2031, 7, 10, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=800)


@pytest.fixture
def chain(organization):
    """Return a chain with its creation long ago, two entries then, and one in each of the last two months."""
    fresh = organization.pk + 50_000
    for at in (LONG_AGO, LONG_AGO + timedelta(days=1), NOW - timedelta(days=40), NOW):
        note(fresh, at)
    return fresh


def note(chain, at, reason="x"):
    return entries.record(OrganizationSuspended(organization_id=chain, reason=reason), at=at)


def test_an_entry_makes_the_month_it_needs(organization):
    at = datetime(2033, 3, 31, 23, 59, 59, tzinfo=UTC)
    assert date(2033, 3, 1) not in months.TABLE.existing()

    note(organization.pk, at)
    note(organization.pk, at + timedelta(seconds=1))

    assert {date(2033, 3, 1), date(2033, 4, 1)} <= set(months.TABLE.existing())
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_auditlog_203303")
        assert cursor.fetchone() == (1,)


def test_months_are_made_ahead():
    made = months.create_ahead(at=NOW)

    assert made == [date(2031, month, 1) for month in (7, 8, 9, 10)]
    assert months.create_ahead(at=NOW) == []


def test_nothing_goes_that_a_plan_shows_or_the_operator_wants(settings):
    settings.AUDIT_LOG_RETENTION_DAYS = 100
    Plan.objects.update(audit_retention_days=90)
    assert months.days_kept() == 100

    Plan.objects.filter(code="PRO").update(audit_retention_days=400)

    assert months.days_kept() == 400


def test_old_months_go_and_the_rest_verifies(chain, settings):
    settings.AUDIT_LOG_RETENTION_DAYS = 730

    dropped = months.drop_expired(at=NOW)

    assert date(LONG_AGO.year, LONG_AGO.month, 1) in dropped
    assert [one.occurred_at for one in AuditLog.objects.filter(chain=chain).order_by("sequence")][
        :1
    ] == [NOW - timedelta(days=40)]
    anchor = AuditSeal.objects.get(chain=chain, kind="ANCHOR")
    assert (anchor.sequence, anchor.leftover) == (
        AuditChain.objects.get(chain=chain).sequence - 2,
        [],
    )
    assert selectors.first_fault(chain) is None
    note(chain, NOW + timedelta(hours=1))
    call_command("audit_verify", str(chain))


def test_what_is_left_is_still_guarded(chain):
    months.drop_expired(at=NOW)
    first = AuditLog.objects.filter(chain=chain).order_by("sequence")[0]

    with tampering() as cursor:
        cursor.execute("UPDATE audit_auditlog SET summary = 'x' WHERE id = %s", [first.pk])

    assert selectors.first_fault(chain).kind == "edited"


def test_the_first_one_left_cannot_go_unseen(chain):
    months.drop_expired(at=NOW)
    first = AuditLog.objects.filter(chain=chain).order_by("sequence")[0]

    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE id = %s", [first.pk])

    fault = selectors.first_fault(chain)
    assert (fault.sequence, fault.kind) == (first.sequence, "deleted")


def test_without_its_anchor_the_chain_does_not_verify(chain):
    months.drop_expired(at=NOW)

    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditseal WHERE chain = %s", [chain])

    assert selectors.first_fault(chain).kind == "deleted"


def test_a_chain_all_of_which_went_verifies(organization):
    fresh = organization.pk + 50_000
    note(fresh, LONG_AGO)

    months.drop_expired(at=NOW)

    assert not AuditLog.objects.filter(chain=fresh).exists()
    assert selectors.first_fault(fresh) is None
    assert note(fresh, NOW).sequence == 2
    assert selectors.first_fault(fresh) is None


def test_a_month_that_was_tampered_with_stays(chain):
    with tampering() as cursor:
        cursor.execute(
            "UPDATE audit_auditlog SET summary = 'x' WHERE chain = %s AND occurred_at = %s",
            [chain, LONG_AGO],
        )

    dropped = months.drop_expired(at=NOW)

    assert LONG_AGO.date().replace(day=1) not in dropped
    assert AuditLog.objects.filter(chain=chain, occurred_at=LONG_AGO).exists()
    assert not AuditSeal.objects.filter(chain=chain).exists()


def test_clocks_that_differ_at_midnight_leave_no_gap(organization):
    """The last place of the old month may be behind the first one of the new month."""
    fresh = organization.pk + 60_000
    midnight = datetime(2031, 2, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    for at in (midnight - second, midnight + second, midnight - second, NOW):
        note(fresh, at)
    with_leftover = midnight + timedelta(days=months.days_kept() + 1)

    months.drop_expired(at=with_leftover)

    anchor = AuditSeal.objects.get(chain=fresh)
    assert (anchor.sequence, [place for place, _ in anchor.leftover]) == (3, [2])
    assert selectors.first_fault(fresh) is None
    with tampering() as cursor:
        cursor.execute(
            "UPDATE audit_auditlog SET summary = 'x' WHERE chain = %s AND sequence = 2", [fresh]
        )
    assert selectors.first_fault(fresh).kind == "edited"
    with tampering() as cursor:
        cursor.execute("DELETE FROM audit_auditlog WHERE chain = %s AND sequence = 2", [fresh])
    assert selectors.first_fault(fresh).kind == "deleted"


def test_the_next_month_takes_what_was_left_over(organization):
    fresh = organization.pk + 60_000
    midnight = datetime(2031, 2, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    for at in (midnight - second, midnight + second, midnight - second, NOW):
        note(fresh, at)
    months.drop_expired(at=midnight + timedelta(days=months.days_kept() + 1))

    months.drop_expired(at=midnight + timedelta(days=months.days_kept() + 29))

    assert AuditLog.objects.filter(chain=fresh).count() == 1
    assert selectors.first_fault(fresh) is None


def test_the_job_does_both(chain, time_machine):
    time_machine.move_to(NOW, tick=False)

    tasks.maintain_months()

    assert date(2031, 10, 1) in months.TABLE.existing()
    assert not AuditLog.objects.filter(occurred_at__lte=LONG_AGO).exists()


@pytest.mark.django_db(transaction=True)
def test_many_first_entries_of_a_month_make_it_once():
    at = datetime(2034, 5, 5, tzinfo=UTC)

    def write(chain):
        with transaction.atomic():
            return note(chain, at).pk

    outcomes = at_once(*[lambda chain=chain: write(chain) for chain in range(70_000, 70_008)])

    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_auditlog_203405")
        assert cursor.fetchone() == (8,)


@pytest.mark.django_db(transaction=True)
def test_a_reader_keeps_a_month_until_the_next_run(organization):
    """Dropping never waits long before somebody who reads, and leaves no anchor behind when it gives up."""
    fresh = organization.pk + 50_000
    note(fresh, LONG_AGO)
    note(fresh, NOW)

    with psycopg.connect(settings.DATABASE_URL) as reader:
        reader.execute(
            "SELECT count(*) FROM audit_auditlog WHERE chain = %s AND occurred_at < %s",
            [fresh, NOW],
        )
        with pytest.raises(OperationalError, match="lock timeout"):
            months.drop_expired(at=NOW)

    assert not AuditSeal.objects.filter(chain=fresh).exists()
    months.drop_expired(at=NOW)
    assert AuditSeal.objects.filter(chain=fresh, kind="ANCHOR").exists()
    assert selectors.first_fault(fresh) is None
