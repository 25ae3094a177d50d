"""The back office of the outbox: read-only."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories.organizations import OrganizationFactory
from webhooks.models import WebhookMessage

pytestmark = pytest.mark.django_db
LIST = "/admin/webhooks/webhookmessage/"


@pytest.fixture
def back_office(portal_as, sam):
    return portal_as(sam)


def test_messages_are_found_by_id_and_organization(back_office, organization, foreign_organization):
    message = WebhookMessage.objects.filter(organization=organization)[0]

    by_id = back_office.get(LIST, {"q": message.message_id}).context["cl"].result_list
    by_name = back_office.get(LIST, {"q": "Olivia"}).context["cl"].result_list

    assert list(by_id) == [message]
    assert {row.organization for row in by_name} == {organization}


def test_messages_are_filtered_by_type_without_a_walk_through_the_table(back_office, organization):
    with CaptureQueriesContext(connection) as queries:
        page = back_office.get(LIST, {"event_type": "organization.created"})

    assert {row.event_type for row in page.context["cl"].result_list} == {"organization.created"}
    assert "api_key.created" in page.content.decode()
    assert not [query for query in queries if 'DISTINCT "webhooks_webhookmessage"' in query["sql"]]


def test_messages_are_only_shown(back_office, organization):
    message = WebhookMessage.objects.order_by("pk")[0]

    page = back_office.get(f"{LIST}{message.pk}/change/")

    assert page.status_code == 200
    assert b'name="_save"' not in page.content
    assert back_office.post(f"{LIST}{message.pk}/change/", {"event_type": "x"}).status_code == 403
    assert back_office.post(f"{LIST}{message.pk}/delete/", {"post": "yes"}).status_code == 403
    assert back_office.get(f"{LIST}add/").status_code == 403


def test_the_list_costs_the_same_for_many(back_office, organization, count_queries):
    few = count_queries(back_office, LIST)

    for _ in range(10):
        OrganizationFactory.create()

    assert count_queries(back_office, LIST) == few
