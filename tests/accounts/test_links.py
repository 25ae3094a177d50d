"""What is asked for by an address costs the same work whether it is known: rows, mails, and doorbells that are rung."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.services import email_changes, passwords, registration
from config.common import tasks
from config.common.models import OutgoingMail
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
ASKED = {
    "register": lambda email: registration.register(email=email, password=PASSWORD),
    "reset": lambda email: passwords.request_reset(email=email, at=timezone.now()),
    "resend": lambda email: registration.resend_verification(email=email),
}


@pytest.fixture
def cost(django_capture_on_commit_callbacks):
    """Return what counts the statements and the doorbells of one request."""

    def count(act, email):
        with (
            CaptureQueriesContext(connection) as queries,
            django_capture_on_commit_callbacks() as callbacks,
        ):
            act(email)
        kinds = [query["sql"].split(" ", 1)[0] for query in queries]
        return sorted(kind for kind in kinds if kind != "ROLLBACK"), len(callbacks)

    return count


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize("is_verified", [True, False], ids=["verified", "unverified"])
def test_a_known_address_costs_what_an_unknown_one_does(cost, name, is_verified):
    known = UserFactory.create(**({} if is_verified else {"email_verified_at": None})).email
    registration.register(
        email="first@example.com", password=PASSWORD
    )  # the log has its first entry

    of_known, of_unknown = cost(ASKED[name], known), cost(ASKED[name], "stranger@example.com")

    assert of_known[1] == of_unknown[1] > 0
    assert of_known[0].count("INSERT") == of_unknown[0].count("INSERT")
    assert of_known[0].count("SELECT") == of_unknown[0].count("SELECT")


def test_a_taken_address_rings_as_often_as_a_free_one(cost, olivia):
    taken = UserFactory.create().email

    def ask(email):
        email_changes.request(user=olivia, email=email, password=PASSWORD, at=timezone.now())

    assert cost(ask, taken)[1] == cost(ask, "free@example.com")[1] == 2


def test_a_doorbell_for_nobody_sends_nothing():
    tasks.deliver(0)

    assert not OutgoingMail.objects.exists()
