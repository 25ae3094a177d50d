"""The demo's endpoints lead to where the installation listens, on whichever port it is started."""

import pytest

from config.demo import hooks
from tests.factories.webhooks import WebhookFactory
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def started_again(organization, settings):
    """Have endpoints of a run on another port, and one that is a person's own."""
    for url in (
        "8000/demo/hooks/orders",
        "8000/demo/hooks/warehouse",
        "8000/demo/hooks/mine",
        "8001/orders",
    ):
        WebhookFactory.create(organization=organization, url=f"http://127.0.0.1:{url}")
    settings.DEMO_HOOKS_URL = "http://127.0.0.1:8123/demo/hooks"


def ports():
    rows = Webhook.objects.order_by("pk").values_list("url", flat=True)
    return [url.split(":")[2] for url in rows]


def test_they_follow_and_what_is_not_the_demos_stays():
    hooks.follow_address()

    assert ports() == [
        *("8123/demo/hooks/orders", "8123/demo/hooks/warehouse"),
        *("8000/demo/hooks/mine", "8001/orders"),
    ]


def test_an_address_that_may_not_be_called_changes_nothing(settings):
    settings.WEBHOOK_ALLOW_CIDRS = []
    before = ports()

    hooks.follow_address()

    assert ports() == before
