"""A prepared query asks what the query itself would ask and makes the same rows of the answer, each time anew."""

import re

import pytest
from django.db import connection, transaction
from django.db.models import BigIntegerField, CharField, F, Value
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import selectors
from accounts.models import Session, User
from accounts.services import locks, sessions
from accounts.tokens import AccessClaims
from audit.models import AuditLog
from config.common.prepared import Addition, Given, Prepared
from organizations import access
from organizations.models import Organization, OrganizationMember
from organizations.services import custom_roles
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db
TIME = re.compile(r"'[-0-9]+ [:.0-9]+\+00:00'::timestamptz")


def asked(question):
    """Return the statements that a question sends, and the answer."""
    with CaptureQueriesContext(connection) as sent:
        answer = question()
    return [one["sql"] for one in sent.captured_queries], answer


def columns_of(row):
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def test_the_gate_asks_for_memberships_as_the_query_says(organization, mia):
    order = (F("selected_at").desc(nulls_last=True), "created_at", "id")
    mine = access.memberships().filter(user_id=mia.pk)
    named = mine.filter(organization_id=organization.pk)

    for arguments, rows in (((), mine), ((organization.pk,), named)):
        expected, _ = asked(rows.order_by(*order).first)
        assert asked(lambda asking=arguments: access.tenant_of(mia, *asking))[0] == expected


def test_a_session_is_asked_for_as_the_query_says(olivia):
    now = timezone.now()
    session = sessions.start_portal(user=olivia, at=now)
    claims = AccessClaims(
        user_id=olivia.pk, session_id=session.pk, session_version=olivia.session_version
    )
    rows = Session.objects.select_related("user").filter(
        pk=session.pk, user_id=olivia.pk, ended_at=None, expires_at__gt=now
    )

    expected, row = asked(rows.first)
    got, found = asked(lambda: selectors.live_session(claims, at=now))

    assert got == expected
    assert columns_of(found) == columns_of(row)
    assert columns_of(found.user) == columns_of(row.user)


MEMBERS = Prepared(
    lambda: (
        access.memberships()
        .annotate(greeting=Value("hello", output_field=CharField()))
        .filter(user_id=Given("user_id", BigIntegerField()))
        .order_by("pk")
    )
)


def test_rows_are_locked_as_the_queries_say(olivia, organization):
    now = timezone.now()
    session = sessions.start_portal(user=olivia, at=now)
    rows = Session.objects.select_for_update(of=("self",), no_key=True).select_related("user")
    people = User.objects.select_for_update(no_key=True)
    organizations = Organization.objects.select_for_update(no_key=True)
    questions = {
        lambda: locks.session(session.pk): rows.filter(pk=session.pk, ended_at=None),
        lambda: locks.session_of(olivia, session.pk): rows.filter(
            pk=session.pk, ended_at=None, user_id=olivia.pk
        ),
        lambda: locks.person(olivia.pk): people.filter(pk=olivia.pk),
        lambda: access.lock_open(organization.pk): organizations.filter(pk=organization.pk),
    }

    for question, query in questions.items():
        expected, row = asked(query.first)
        got, found = asked(question)

        assert got == expected
        assert "FOR NO KEY UPDATE" in got[0]
        assert columns_of(found) == columns_of(row)


def test_rows_come_with_what_they_lead_to(organization, mia):
    found = MEMBERS.first(user_id=mia.pk)

    with CaptureQueriesContext(connection) as further:
        assert columns_of(found) == columns_of(OrganizationMember.objects.get(user=mia))
        assert columns_of(found.organization) == columns_of(organization)
        assert (found.custom_role, found.granted_codenames, found.greeting) == (None, [], "hello")
    assert len(further) == 1
    assert (found._state.adding, found._state.db) == (False, "default")


def test_values_are_read_like_the_fields_say(organization, vera):
    tenant = access.on_behalf_of(organization)
    role = custom_roles.create_role(tenant=tenant, name="Clerk", permissions=["billing:read"])
    OrganizationMember.objects.filter(user=vera).update(custom_role=role)
    organization.metadata = {"a": [1, None]}
    organization.save(update_fields=["metadata"])

    found = MEMBERS.first(user_id=vera.pk)

    assert found.organization.metadata == {"a": [1, None]}
    assert columns_of(found.custom_role) == columns_of(role)


@pytest.mark.parametrize("model", [AuditLog, WebhookMessage])
def test_rows_are_added_as_they_would_be_saved(organization, model):
    values = columns_of(model.objects.latest("pk")) | {"id": None}
    if model is AuditLog:
        values |= {"sequence": values["sequence"] + 1, "previous_hash": values["hash"]}
    else:
        values["message_id"] = "msg_another"
    with transaction.atomic():
        expected, _ = asked(lambda: model(**values).save(force_insert=True))
        transaction.set_rollback(True)
    row = model(**values)

    got, _ = asked(lambda: Addition(model).add(row))

    # The one says by itself when it is made.
    assert [TIME.sub("", one) for one in got] == [TIME.sub("", one) for one in expected]
    assert columns_of(model.objects.get(pk=row.pk)) == columns_of(row)
    assert (row._state.adding, row._state.db) == (False, "default")


def test_every_asking_gets_an_answer_of_its_own(olivia, mia):
    ours = [MEMBERS.first(user_id=person.pk) for person in (olivia, mia, olivia)]

    assert [one.user_id for one in ours] == [olivia.pk, mia.pk, olivia.pk]
    assert ours[0] is not ours[2]
    assert MEMBERS.first(user_id=0) is None


def test_a_value_is_never_forgotten():
    with pytest.raises(KeyError):
        MEMBERS.first()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_locked_outside_a_transaction(organization):
    with pytest.raises(TransactionManagementError):
        access.lock_open(organization.pk)
    with transaction.atomic():
        assert access.lock_open(organization.pk) == organization
