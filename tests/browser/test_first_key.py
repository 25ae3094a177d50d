"""The newcomer's journey: register, verify, create a key, call with it, see it arrive."""

import re
import subprocess

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

EMAIL = "newcomer@example.test"
PASSWORD = "four unrelated words here"
LINK = re.compile(r"http://localhost:\d+/verify-email/[\w-]+")


def test_newcomer_sees_the_first_call(site, visit, serious_faults):
    page = visit.page

    page.goto("/")
    assert serious_faults(page) == []
    page.goto("/register/")
    page.get_by_label("Name").fill("Nora Newcomer")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()

    (link,) = set(LINK.findall(site.newest_mail(EMAIL)))
    page.goto(link)
    page.get_by_role("main").get_by_role("button").click()

    page.goto("/login/")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/overview/")
    assert serious_faults(page) == []

    page.goto("/keys/create/")
    page.get_by_label("Name").fill("My first key")
    page.get_by_role("button", name="Create key").click()
    expect(page.get_by_text("Waiting for your first call")).to_be_visible()
    secret = page.locator("[data-secret]").first.get_attribute("data-secret")
    assert re.fullmatch(r"tg_(live|test)_[0-9A-Za-z]{38}", secret)
    assert secret not in page.url
    assert serious_faults(page) == []

    assert copied(page, "secret") == secret
    printed = copied(page, "snippet-curl")
    assert secret in printed
    assert made(printed).startswith("HTTP/1.1 200 OK")

    expect(page.get_by_text(re.compile("received", re.IGNORECASE)).first).to_be_visible(
        timeout=60_000
    )
    page.goto("/requests/")
    expect(page.get_by_text("/demo/hello").first).to_be_visible()
    page.goto("/usage/")
    chart = page.locator("[data-plot]")
    expect(chart).to_have_attribute("aria-label", re.compile("Calls: 1 in total"))
    assert made(printed).startswith("HTTP/1.1 200 OK")
    # Nobody loads the page again: it hears of the call.
    expect(chart).to_have_attribute("aria-label", re.compile("Calls: 2 in total"))
    assert serious_faults(page) == []

    page.goto("/keys/")
    assert secret not in page.content()


def copied(page, what):
    """Press a copy button and return what is on the clipboard then."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    button = page.locator(f'[data-copy="#{what}"]')
    button.click()
    expect(button).to_contain_text("Copied")
    return page.evaluate("navigator.clipboard.readText()")


def made(printed):
    """Make the call that a page printed, as a shell would, and return the answer."""
    done = subprocess.run(["sh", "-c", printed], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout
