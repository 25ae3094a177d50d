"""Between two tests that commit, the database becomes as it was, though it is not copied again."""

import pytest
from django.db import connection
from django.test import TransactionTestCase

from accounts.models import User
from audit.models import AuditLog
from billing.models import Plan
from organizations.services import organizations
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def renew() -> None:
    TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]


def present_copy() -> int:
    """Return the number that PostgreSQL gave this copy."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT oid FROM pg_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


@pytest.fixture
def copy():
    return present_copy()


def test_rows_go_even_where_none_may_be_deleted(copy):
    organizations.create_organization(owner=UserFactory.create(), name="Mine", is_personal=True)
    assert AuditLog.objects.exists()

    renew()

    assert not AuditLog.objects.exists()
    assert not User.objects.exists()
    assert Plan.objects.exists()
    assert present_copy() == copy


def test_tables_that_came_go_again(copy):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE later (id int)")

    renew()

    assert "later" not in connection.introspection.table_names()
    assert present_copy() == copy


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE billing_plan SET name = 'Other'",
        "INSERT INTO django_content_type (app_label, model) VALUES ('a', 'b')",
        "ALTER TABLE audit_auditlog DISABLE TRIGGER USER",
        "DROP TABLE accounts_notice",
    ],
    ids=["a row of the template", "a row more", "a trigger", "a table less"],
)
def test_other_damage_is_mended_by_a_new_copy(copy, damage):
    with connection.cursor() as cursor:
        cursor.execute(damage)

    renew()

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled = 'D'")
        assert cursor.fetchone() == (0,)
    assert "accounts_notice" in connection.introspection.table_names()
    assert not Plan.objects.filter(name="Other").exists()
    assert present_copy() != copy
