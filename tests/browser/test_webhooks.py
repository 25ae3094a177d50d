"""The journey of a webhook: add it, keep its secret, see a test event arrive, read its log, resend, be graded, be told why not."""

import re

import pytest
from playwright.sync_api import expect
from standardwebhooks.webhooks import Webhook as Verifier

from tests.doubles.receiver import running_receiver

pytestmark = pytest.mark.browser


@pytest.fixture
def receiver():
    """A customer's server. It comes first: once Playwright's event loop runs, no other can be started here."""
    with running_receiver() as running:
        yield running


def test_a_webhook_from_its_first_event_to_its_grade(
    receiver, site, visit, sign_in, serious_faults
):
    page = visit.page
    sign_in(page, "owner@demo.test")

    page.get_by_role("link", name="Webhooks", exact=True).click()
    page.get_by_role("main").get_by_role("link", name="Add webhook").first.click()
    page.get_by_label("URL").fill(receiver.url("/books"))
    page.get_by_label("Description").fill("Bookkeeping")
    page.get_by_label("Every event, also those introduced later").uncheck()
    page.get_by_placeholder("Search events").fill("rotated")
    page.get_by_role("checkbox", name=re.compile("^api_key.rotated")).check()
    expect(page.get_by_text("1 event chosen")).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_role("main").get_by_role("button", name="Add webhook").click()

    expect(page.get_by_text("Copy the secret now")).to_be_visible()
    secret = page.locator("[data-secret]").get_attribute("data-secret")
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    assert serious_faults(page) == []

    page.get_by_role("button", name="Send test event").click()
    page.wait_for_url("**/deliveries/*/")
    expect(page.get_by_text("Delivered", exact=True)).to_be_visible(timeout=20_000)
    (call,) = receiver.calls_to("/books")
    Verifier(secret).verify(call.body, call.headers)
    expect(page.get_by_text(call.message_id).first).to_be_visible()
    assert serious_faults(page) == []

    page.get_by_role("button", name="Resend").click()
    expect(page.get_by_text("Attempt 2", exact=True)).to_be_visible(timeout=20_000)
    assert receiver.ids == [call.message_id] * 2

    page.get_by_role("link", name="Bookkeeping").click()
    expect(page.get_by_role("link", name="webhook.created")).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_label("Status").select_option("FAILED")
    expect(page.get_by_text("No delivery matches")).to_be_visible()

    page.get_by_role("link", name="Conformance run").click()
    page.get_by_role("main").get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=re.compile("Grade D"))).to_be_visible(timeout=30_000)
    assert serious_faults(page) == []

    page.get_by_role("link", name="Bookkeeping").click()
    page.get_by_role("link", name="Why did an event not come?").click()
    page.get_by_role("table").get_by_role("link", name="webhook.created").first.click()
    expect(page.get_by_text("did not subscribe to this type").first).to_be_visible()
    assert serious_faults(page) == []

    for path in ("/webhooks/", page.url):
        page.goto(path)
        assert secret not in page.content()
