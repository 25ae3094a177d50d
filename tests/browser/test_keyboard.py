"""Everything about one's account by keyboard alone: each control is reached with Tab, is seen to be, and works."""

import base64
import re
from dataclasses import dataclass, field
from email import message_from_string, policy
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_pages import PRIVATE, PUBLIC
from tests.browser.test_passkeys import DEVICE
from tests.factors import App

pytestmark = pytest.mark.browser

ACCOUNT = [
    path
    for path in PRIVATE
    if path.startswith(("/profile", "/security", "/privacy", "/notices", "/activity"))
]
ORGANIZATION = [
    path
    for path in PRIVATE
    if path.startswith(
        ("/team", "/organization", "/keys", "/webhooks", "/audit", "/security-events")
    )
]
SIGN_IN = [path for path in PUBLIC if path not in {"/docs/", "/problems/rate_limited"}]
# What has the focus, and whether that can be seen: an outline or a ring, its own or around it, that nothing cuts off.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const styleOf = (element) => getComputedStyle(element), box = one.getBoundingClientRect();
  const hasRing = (element) => styleOf(element).outlineStyle !== "none" && parseFloat(styleOf(element).outlineWidth) > 0;
  const above = [];
  for (let next = one; next && next !== document.body; next = next.parentElement) above.push(next);
  const ringed = above.find(hasRing), edge = ringed?.getBoundingClientRect();
  const by = ringed ? parseFloat(styleOf(ringed).outlineOffset) + parseFloat(styleOf(ringed).outlineWidth) - 1 : 0;
  // One side may wait behind the edge of what scrolls.
  const isCut = ringed && above.slice(above.indexOf(ringed) + 1).some((next) => {
    if (styleOf(next).overflowX === "visible" && styleOf(next).overflowY === "visible") return false;
    const rim = next.getBoundingClientRect();
    const sides = [rim.left - edge.left, edge.right - rim.right, rim.top - edge.top, edge.bottom - rim.bottom];
    return sides.filter((side) => side > -by).length > 1;
  });
  const inside = one.querySelector("[aria-label], title");
  const name = one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.value
    || inside?.getAttribute("aria-label") || "";
  return {
    name: name.trim().replace(/\\s+/g, " "),
    key: one.dataset.seen ?? "",
    ring: ringed ? !isCut : styleOf(one).boxShadow !== "none",
    shown: box.width > 0 && box.height > 0 && styleOf(one).visibility === "visible",
  };
}"""
# Number everything that Tab should reach: what is drawn, enabled, and not one of a group of radio buttons.
NUMBER = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']");
  let count = 0;
  for (const one of all) {
    const hidden = one.disabled || one.type === "hidden" || one.type === "radio" || one.tabIndex < 0;
    if (hidden || !one.checkVisibility({ visibilityProperty: true })) continue;
    if (one.closest("details:not([open])") && !one.matches("summary")) continue;
    one.dataset.seen = count++;
  }
  document.activeElement?.blur();
  return count;
}"""
# The smallest PNG there is: one pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


def walk(page, path):
    """Press Tab until every control of a page has had the focus; return what is wrong."""
    page.goto(path, wait_until="load")
    wanted, seen, wrong = page.evaluate(NUMBER), set(), []
    numbers = {str(number) for number in range(wanted)}
    # A time is written part by part, with a stop at each and at its calendar.
    parts = 8 * page.locator("input[type^=date]").count()
    for _ in range(wanted + parts + 10):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            continue
        if not (found["ring"] and found["shown"]):
            wrong.append(f"{path}: the focus is not seen on {found['name']!r}")
        if not found["name"]:
            wrong.append(f"{path}: a control has no name")
        seen.add(found["key"])
        if not parts and numbers <= seen:
            break  # from here on it is the same round again
    missed = numbers - seen
    names = [page.locator(f'[data-seen="{key}"]').evaluate("e => e.outerHTML") for key in missed]
    return wrong + [f"{path}: not reached: {name[:120]}" for name in names]


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.trial)])
def test_every_control_is_reached_and_seen(visit, sign_in, scheme):
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    wrong = [fault for path in SIGN_IN for fault in walk(page, path)]
    sign_in(page, "owner@demo.test")
    wrong += [fault for path in (*ACCOUNT, "/keys/", "/team/") for fault in walk(page, path)]

    assert wrong == []


@pytest.mark.trial
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_of_the_organization_is_reached_and_seen(visit, sign_in, scheme):
    visit.page.emulate_media(color_scheme=scheme)
    sign_in(visit.page, "owner@demo.test")

    assert [fault for path in ORGANIZATION for fault in walk(visit.page, path)] == []


class Hands:
    """Somebody with a keyboard and nothing else."""

    def __init__(self, page):
        self.page = page

    def to(self, name):
        """Press Tab until the control with this name has the focus; it must be seen to have it."""
        met = []
        for _ in range(120):
            self.page.keyboard.press("Tab")
            found = self.page.evaluate(FOCUSED)
            if found is None:
                continue
            met.append(found["name"])
            if found["name"] in {name, f"{name} Optional"}:
                assert found["ring"], f"the focus on {name!r} cannot be seen"
                return self
        raise AssertionError(f"{self.page.url}: no way to {name!r} by Tab, only to {met}")

    def write(self, **fields):
        """Go to each field and write, instead of what is there."""
        for name, text in fields.items():
            self.to(name.replace("_", " "))
            self.page.keyboard.press("Control+a")
            self.page.keyboard.type(text)
        return self

    def press(self, name, *, to=None):
        """Go to a control, press Enter, and wait for the page that it leads to."""
        self.to(name)
        with self.page.expect_navigation(wait_until="load"):
            self.page.keyboard.press("Enter")
        if to is not None:
            self.page.wait_for_url(to)
        return self

    def open(self, name):
        """Go to a control and press Enter; the page stays."""
        self.to(name).page.keyboard.press("Enter")
        return self

    def sign_out(self):
        """Open the menu at the end of the sidebar and leave."""
        self.page.goto("/profile/")
        name = self.page.locator(".menu-up summary").get_attribute("aria-label")
        return self.open(name).press("Sign out", to="**/login/")


def _link(text, path):
    message = message_from_string(text, policy=policy.default)
    words = message.get_body(("plain",)).get_content().split()
    return next(urlsplit(word).path for word in words if path in word)


@dataclass
class Account:
    """Whose journey it is: what they know, where they are, and what they look at."""

    page: Page
    hands: Hands
    faults: Any
    site: Any
    address: str = "kim@example.com"
    password: str = "four unrelated quiet words"
    codes: list[str] = field(default_factory=list)

    def go(self, path):
        """Open a page, which has nothing serious for axe."""
        self.page.goto(path, wait_until="load")
        return self.look()

    def look(self):
        """Look at the page at hand."""
        assert self.faults(self.page) == []
        return self.hands

    def told(self, words):
        """Hear what the page says in the end."""
        expect(self.page.locator(".messages")).to_contain_text(words)


@pytest.mark.trial
def test_a_whole_account_by_keyboard(visit, site, serious_faults, tmp_path):
    """One person registers, secures the account in every way, changes all of it, takes a copy and thinks of leaving."""
    devtools = visit.page.context.new_cdp_session(visit.page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    kim = Account(visit.page, Hands(visit.page), serious_faults, site)

    _registers(kim)
    _sets_an_app_up(kim)
    _adds_uses_and_removes_a_passkey(kim)
    _looks_after_devices(kim)
    _changes_the_profile(kim, tmp_path)
    _takes_a_copy_and_thinks_of_leaving(kim)
    _turns_the_app_off(kim)


def _registers(kim):
    kim.go("/register/").write(Name="Kim Keys", **{"E-mail": kim.address}, Password=kim.password)
    kim.hands.press("Create account")
    expect(kim.page.get_by_role("heading", name="Check your mail")).to_be_visible()
    kim.go(_link(kim.site.newest_mail(kim.address), "/verify-email/")).press("Confirm")
    kim.go("/login/").write(**{"E-mail": kim.address}, Password=kim.password)
    kim.hands.press("Sign in", to="**/overview/")


def _sets_an_app_up(kim):
    kim.go("/security/").press("Set up", to="**/two-factor/").press("Start")
    kim.look().open("It cannot be scanned")
    app = App.of(kim.page.locator("#secret").text_content())
    kim.hands.write(Code=app.code()).press("Turn on")
    kim.codes = kim.page.locator("#codes").inner_text().split()
    assert len(kim.codes) == 10
    kim.look().press("I have kept them", to="**/security/").sign_out()
    kim.hands.write(**{"E-mail": kim.address}, Password=kim.password).press("Sign in")
    kim.look().write(Code=kim.codes[0]).to("Do not ask for a code in this browser for 30 days")
    kim.page.keyboard.press("Space")
    kim.hands.press("Sign in", to="**/overview/")


def _adds_uses_and_removes_a_passkey(kim):
    kim.go("/security/").press("Add a passkey", to="**/passkeys/add/")
    kim.look().write(Name="Blue laptop").press("Add passkey", to="**/security/")
    kim.hands.press("Rename Blue laptop", to="**/rename/")
    kim.look().write(Name="Red laptop").press("Rename", to="**/security/").sign_out()
    kim.hands.press("Use a passkey", to="**/overview/")
    kim.go("/security/").press("Remove Red laptop", to="**/remove/")
    kim.look().press("Remove passkey", to="**/security/")


def _looks_after_devices(kim):
    """A dialog asks first, and Escape means no."""
    kim.go("/security/")
    forget = kim.page.get_by_role("button", name="Forget Chrome on Linux").first
    name = forget.get_attribute("aria-label")
    kim.hands.open(name)
    kim.page.keyboard.press("Escape")
    expect(kim.page.get_by_role("dialog")).to_be_hidden()
    kim.hands.open(name).press("Forget")
    kim.told("The device is forgotten")
    kim.hands.open("Sign out all others").press("Sign out the others")
    kim.told("Every other device is signed out")


def _changes_the_profile(kim, folder):
    kim.go("/profile/").write(Name="Kim K.").press("Save changes")
    kim.told("Your profile is saved")
    picture = folder / "kim.png"
    picture.write_bytes(PICTURE)
    with kim.page.expect_file_chooser() as chooser:
        kim.hands.open("New picture")
    chooser.value.set_files(picture)
    kim.hands.press("Save picture").press("Remove picture")
    older, kim.password = kim.password, "four other quiet words"
    kim.go("/profile/password/").write(Current_password=older, New_password=kim.password)
    kim.hands.press("Change password")
    kim.go("/profile/email/").write(New_address="kim@elsewhere.example", Password=kim.password)
    kim.hands.press("Write to both addresses").press("Keep my address")


def _takes_a_copy_and_thinks_of_leaving(kim):
    kim.go("/privacy/").press("Make a copy")
    expect(kim.page.get_by_role("link", name="Download")).to_be_visible(timeout=60_000)
    with kim.page.expect_download() as download:
        kim.hands.open("Download")
    assert download.value.path().read_bytes()[:2] == b"PK"
    kim.hands.press("Delete account", to="**/deletion/")
    kim.look().write(Password=kim.password).press("Delete my account", to="**/privacy/")
    kim.hands.press("Keep my account")
    kim.told("You keep your account")


def _turns_the_app_off(kim):
    kim.go("/security/").press("New recovery codes")
    kim.look().write(Password=kim.password, Code=kim.codes[1]).press("Replace the codes")
    fresh = kim.page.locator("#codes").inner_text().split()
    kim.hands.press("I have kept them", to="**/security/").press("Turn off")
    kim.hands.write(Password=kim.password, Code=fresh[0]).press("Turn off", to="**/security/")
    expect(kim.page.get_by_role("link", name="Set up")).to_be_visible()


def test_turning_pages_keeps_the_focus_and_is_told(visit, sign_in):
    page = visit.page
    sign_in(page, "owner@demo.test")
    page.goto("/requests/", wait_until="load")
    told = page.locator("[data-told]")
    table = page.locator("#requests-table")

    page.locator("#older").press("Enter")
    expect(told).to_have_text("Rows: 50")
    expect(page.locator("#older")).to_be_focused()
    page.locator("#newer").press("Enter")
    # There is nothing newer any more: what has come stands in for the link.
    expect(page.locator("#newer")).to_have_count(0)
    expect(table).to_be_focused()

    page.locator(".filters select").first.select_option(index=2)
    expect(told).to_have_text(re.compile(r"Rows: \d+|No request matches"))
