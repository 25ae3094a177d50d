"""Everything about one's account by keyboard alone: each control is reached with Tab, is seen to be, and works."""

import base64
from email import message_from_string, policy
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.test_pages import PRIVATE, PUBLIC
from tests.browser.test_passkeys import DEVICE
from tests.factors import App

pytestmark = pytest.mark.browser

ACCOUNT = [
    path
    for path in PRIVATE
    if path.startswith(("/profile", "/security", "/privacy", "/notices", "/activity"))
]
SIGN_IN = [path for path in PUBLIC if path not in {"/docs/", "/problems/rate_limited"}]
# What has the focus, and whether that can be seen: an outline or a ring of its own.
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const style = getComputedStyle(one), box = one.getBoundingClientRect();
  const name = one.getAttribute("aria-label") || one.labels?.[0]?.innerText || one.innerText || one.value || "";
  return {
    name: name.trim().replace(/\\s+/g, " "),
    key: one.dataset.seen ?? "",
    ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none",
    shown: box.width > 0 && box.height > 0 && style.visibility === "visible",
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
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        found = page.evaluate(FOCUSED)
        if found is None:
            continue
        if not (found["ring"] and found["shown"]):
            wrong.append(f"{path}: the focus is not seen on {found['name']!r}")
        if not found["name"]:
            wrong.append(f"{path}: a control has no name")
        seen.add(found["key"])
    missed = {str(number) for number in range(wanted)} - seen
    names = [page.locator(f'[data-seen="{key}"]').evaluate("e => e.outerHTML") for key in missed]
    return wrong + [f"{path}: not reached: {name[:120]}" for name in names]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_control_is_reached_and_seen(visit, sign_in, scheme):
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    wrong = [fault for path in SIGN_IN for fault in walk(page, path)]
    sign_in(page, "owner@demo.test")
    wrong += [fault for path in ACCOUNT for fault in walk(page, path)]

    assert wrong == []


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
        """Go to a control and press Enter, and wait for the page that it leads to."""
        self.to(name).page.keyboard.press("Enter")
        if to is not None:
            self.page.wait_for_url(to)
        return self

    def sign_out(self):
        """Open the menu at the end of the sidebar and leave."""
        self.page.goto("/profile/")
        name = self.page.locator(".menu-up summary").get_attribute("aria-label")
        return self.press(name).press("Sign out", to="**/login/")


def _link(text, path):
    message = message_from_string(text, policy=policy.default)
    words = message.get_body(("plain",)).get_content().split()
    return next(urlsplit(word).path for word in words if path in word)


@pytest.mark.trial
@pytest.mark.timeout(300)
def test_a_whole_account_by_keyboard(visit, site, serious_faults, tmp_path):
    page, hands = visit.page, Hands(visit.page)
    password, address = "four unrelated quiet words", "kim@example.com"
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    def go(path):
        page.goto(path, wait_until="load")
        assert serious_faults(page) == []
        return hands

    # Registering, proving the address, signing in.
    go("/register/").write(Name="Kim Keys", **{"E-mail": address}, Password=password)
    hands.press("Create account")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    go(_link(site.newest_mail(address), "/verify-email/")).press("Confirm")
    go("/login/").write(**{"E-mail": address}, Password=password)
    hands.press("Sign in", to="**/overview/")

    # An authenticator app, its recovery codes, and signing in with it in a browser that is trusted from then on.
    go("/security/").press("Set up", to="**/two-factor/").press("Begin")
    assert serious_faults(page) == []
    hands.press("It cannot be scanned")
    app = App.of(page.locator("#secret").text_content())
    hands.write(Code=app.code()).press("Turn on")
    codes = page.locator("#codes").inner_text().split()
    assert (len(codes), serious_faults(page)) == (10, [])
    hands.press("I have kept them", to="**/security/")
    hands.sign_out().write(**{"E-mail": address}, Password=password).press("Sign in")
    page.wait_for_url("**/login/code/**")
    assert serious_faults(page) == []
    hands.write(Code=codes[0]).to("Do not ask for a code in this browser for 30 days")
    page.keyboard.press("Space")
    hands.press("Sign in", to="**/overview/")

    # A passkey: added, renamed, used instead of the password, removed.
    go("/security/").press("Add a passkey", to="**/passkeys/add/")
    hands.write(Name="Blue laptop").press("Add passkey", to="**/security/")
    hands.press("Rename Blue laptop", to="**/rename/")
    assert serious_faults(page) == []
    hands.write(Name="Red laptop").press("Rename", to="**/security/")
    hands.sign_out().press("Use a passkey", to="**/overview/")
    go("/security/").press("Remove Red laptop", to="**/remove/")
    hands.press("Remove passkey", to="**/security/")

    # Devices: forgetting the trusted one, and signing everybody else out; a dialog asks, and Escape means no.
    go("/security/")
    forget = page.get_by_role("button", name="Forget Chrome on Linux").first
    hands.press(forget.get_attribute("aria-label"))
    page.keyboard.press("Escape")
    assert page.url.endswith("/security/")
    assert forget.is_visible()
    hands.press(forget.get_attribute("aria-label")).press("Forget")
    expect(page.get_by_role("status")).to_contain_text("The device is forgotten")
    hands.press("Sign out all others").press("Sign out the others")
    expect(page.get_by_role("status")).to_contain_text("Every other device is signed out")

    # The profile: name, picture, password, address.
    go("/profile/").write(Name="Kim K.").press("Save changes")
    expect(page.get_by_role("status")).to_contain_text("Your profile is saved")
    picture = tmp_path / "kim.png"
    picture.write_bytes(PICTURE)
    with page.expect_file_chooser() as chooser:
        hands.press("New picture")
    chooser.value.set_files(picture)
    hands.press("Save picture")
    hands.press("Remove picture")
    go("/profile/password/")
    newer = "four other quiet words"
    hands.write(Present_password=password, New_password=newer).press("Change password")
    page.wait_for_url("**/profile/")
    go("/profile/email/").write(New_address="kim@elsewhere.example", Password=newer)
    hands.press("Write to both addresses")
    hands.press("Keep my address")

    # The copy of the data, and the farewell that is taken back.
    go("/privacy/").press("Make a copy")
    expect(page.get_by_role("link", name="Download")).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        hands.press("Download")
    assert download.value.path().read_bytes()[:2] == b"PK"
    hands.press("Delete account", to="**/deletion/")
    assert serious_faults(page) == []
    hands.write(Password=newer).press("Delete my account", to="**/privacy/")
    hands.press("Keep my account")
    expect(page.get_by_role("status")).to_contain_text("You keep your account")

    # Recovery codes anew, and the app turned off.
    go("/security/").press("New recovery codes")
    assert serious_faults(page) == []
    hands.write(Password=newer, Code=codes[1]).press("Replace the codes")
    fresh = page.locator("#codes").inner_text().split()
    hands.press("I have kept them", to="**/security/").press("Turn off")
    hands.write(Password=newer, Code=fresh[0]).press("Turn off", to="**/security/")
    expect(page.get_by_role("link", name="Set up")).to_be_visible()
