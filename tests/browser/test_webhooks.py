"""The journey of a webhook: add it, keep its secret, see a test event arrive, read its log, resend, be graded, be told why not."""

import re
import time

import pytest
from playwright.sync_api import expect
from standardwebhooks.webhooks import Webhook as Verifier

from tests.browser.test_keyboard import walk
from tests.doubles.receiver import running_receiver

pytestmark = pytest.mark.browser
NAMES = ["edit", "rotate", "delete", "verify", "send-again", "why", "conformance"]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def receiver():
    """A customer's server. It comes first: once Playwright's event loop runs, no other can be started here."""
    with running_receiver() as running:
        yield running


def test_what_is_searched_for_before_the_script_is_there_is_found(visit, sign_in):
    page, held = visit.page, []
    sign_in(page, "owner@demo.test")
    page.route(re.compile(r"/js/picker\b"), lambda route: held.append(route))  # noqa: PLW0108  (as Playwright takes it)
    page.goto("/webhooks/create/", wait_until="commit")
    page.get_by_label("Every event, also those introduced later").uncheck()
    page.get_by_placeholder("Search events").fill("rotated")
    assert len(held) == 1

    held[0].continue_()

    page.get_by_role("checkbox", name=re.compile("^api_key.rotated")).check()
    expect(page.get_by_text("1 event chosen")).to_be_visible()


def test_a_webhook_from_its_first_event_to_its_grade(
    receiver, site, visit, sign_in, serious_faults
):
    page = visit.page
    sign_in(page, "owner@demo.test")

    page.get_by_role("link", name="Webhooks", exact=True).click()
    expect(page.get_by_role("link", name="Order system")).to_be_visible()
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
    expect(page.get_by_text("Delivered", exact=True)).to_be_visible(timeout=60_000)
    (call,) = receiver.calls_to("/books")
    Verifier(secret).verify(call.body, call.headers)
    expect(page.get_by_text(call.message_id).first).to_be_visible()
    assert serious_faults(page) == []

    page.get_by_role("button", name="Resend").click()
    expect(page.get_by_text("Attempt 2", exact=True)).to_be_visible(timeout=60_000)
    assert receiver.ids == [call.message_id] * 2

    page.get_by_role("link", name="Bookkeeping").click()
    expect(page.get_by_role("link", name="webhook.created")).to_be_visible()
    assert serious_faults(page) == []
    page.get_by_label("Status").select_option("FAILED")
    expect(page.get_by_role("heading", name="No delivery matches")).to_be_visible()

    page.get_by_role("link", name="Conformance run").click()
    page.get_by_role("main").get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", name=re.compile("Grade D"))).to_be_visible(timeout=60_000)
    assert serious_faults(page) == []

    page.get_by_role("link", name="Bookkeeping").click()
    page.get_by_role("link", name="Why did an event not come?").click()
    page.get_by_role("table").get_by_role("link", name="webhook.created").first.click()
    expect(page.get_by_text("did not subscribe to this type").first).to_be_visible()
    assert serious_faults(page) == []

    webhook = re.match(r".*/webhooks/\d+/", page.url).group()
    delivery = f"{webhook}deliveries/{_number_of(webhook, page)}/"
    page.set_viewport_size({"width": 360, "height": 900})
    for path in ["/webhooks/", webhook, delivery, *(f"{webhook}{name}/" for name in NAMES)]:
        page.goto(path, wait_until="load")
        assert secret not in page.content()
        assert page.evaluate(OVERFLOW) == 0, f"{path} is too wide"


def _number_of(webhook, page):
    """Return the id of the latest delivery, as the log links to it."""
    page.goto(webhook)
    link = page.locator("#results a").first.get_attribute("href")
    return re.search(r"/deliveries/(\d+)/", link).group(1)


def _demo_pages(page):
    """Wait until the demo's endpoints have met success, trouble and an end; return the addresses of all their pages."""
    deadline = time.monotonic() + 200
    page.goto("/webhooks/")
    while not page.get_by_role("row", name="Old shop").get_by_text("Disabled").is_visible():
        assert time.monotonic() < deadline, "the demo's events are not sent"
        page.reload()
    links = {link.get_attribute("href") for link in page.locator("#results td.main a").all()}
    found = []
    for one in sorted(links):
        page.goto(one, wait_until="load")
        logged = page.locator("#results a").first
        found += [one, *(f"{one}{name}/" for name in NAMES), logged.get_attribute("href")]
    return found


@pytest.mark.trial
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_demos_webhooks_is_accessible(visit, sign_in, serious_faults, scheme):
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    sign_in(page, "owner@demo.test")
    faults, unreached = [], []
    for path in _demo_pages(page):
        page.goto(path, wait_until="load")
        faults += serious_faults(page)
        unreached += walk(page, path)
    page.goto("/webhooks/create/", wait_until="load")
    page.get_by_label("Every event, also those introduced later").uncheck()
    page.locator("summary").filter(has_text="member").click()
    page.get_by_label("All of member.*").check()
    faults += serious_faults(page)

    assert [*faults, *unreached] == []
