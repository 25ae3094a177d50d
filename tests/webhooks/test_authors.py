"""Who asks for something that lasts is looked at once more, under a lock, whichever door they come by."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.webhooks.browsing import page
from webhooks.forms import PeriodForm
from webhooks.services import fan_out

pytestmark = pytest.mark.django_db
HOOKS = "/api/v1/webhooks"
YESTERDAY = (timezone.now() - timedelta(days=1)).isoformat()

OVER_THE_API = {
    "resend": ("/{webhook}/deliveries/{delivery}/resend", None, 202),
    "recover": ("/{webhook}/recover", {"since": YESTERDAY}, 202),
    "replay": ("/{webhook}/replay-missing", {"since": YESTERDAY}, 202),
    "test": ("/{webhook}/test", {"event_type": "webhook.created"}, 202),
    "conformance": ("/{webhook}/conformance", None, 202),
    "acknowledge": ("/messages/acknowledge", {"position": 0}, 200),
}
ON_PAGES = {
    "resend": ("deliveries/{delivery}/resend/", {}),
    "recover": ("send-again/", {"since": YESTERDAY[:16], "what": PeriodForm.RECOVER}),
    "replay": ("send-again/", {"since": YESTERDAY[:16], "what": PeriodForm.REPLAY}),
    "test": ("test/", {"event_type": "webhook.created"}),
    "conformance": ("conformance/start/", {}),
}


def tables_locked_first(seen):
    """Return the first tables of which a row was locked, in their order."""
    locks = [query["sql"] for query in seen if "FOR NO KEY UPDATE" in query["sql"]]
    return [sql.partition(' FROM "')[2].partition('"')[0] for sql in locks][:3]


AUTHOR_FIRST = ["accounts_user", "accounts_session", "organizations_organization"]


@pytest.mark.parametrize("what", OVER_THE_API)
def test_the_api_holds_its_author(api_as, mia, webhook, delivery, what):
    path, body, status = OVER_THE_API[what]
    client = api_as(mia)
    fan_out.fan_out(at=timezone.now())

    with CaptureQueriesContext(connection) as seen:
        answer = client.post(HOOKS + path.format(webhook=webhook.pk, delivery=delivery.pk), body)

    assert answer.status_code == status
    assert tables_locked_first(seen) == AUTHOR_FIRST


@pytest.mark.parametrize("what", ON_PAGES)
def test_a_page_holds_its_author(mia_browses, webhook, delivery, what):
    path, form = ON_PAGES[what]

    with CaptureQueriesContext(connection) as seen:
        answer = mia_browses.post(page(webhook, path.format(delivery=delivery.pk)), form)

    assert answer.status_code == 302
    assert tables_locked_first(seen) == AUTHOR_FIRST
