"""Passkeys in a real browser, with an authenticator that Chromium itself plays: added, used in both ways, removed."""

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PERSON = "stranger@demo.test"
DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
OLDER_BROWSER = """
delete PublicKeyCredential.parseCreationOptionsFromJSON;
delete PublicKeyCredential.parseRequestOptionsFromJSON;
"""


@pytest.fixture
def device(visit):
    """Give the browser a device that holds passkeys; return what tells it how its holder behaves."""
    devtools = visit.page.context.new_cdp_session(visit.page)
    devtools.send("WebAuthn.enable")
    added = devtools.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})

    def tell(command, **parameters):
        return devtools.send(
            f"WebAuthn.{command}", {"authenticatorId": added["authenticatorId"], **parameters}
        )

    return tell


def _sign_out(page):
    page.get_by_label("Account of").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url("**/login/")


def test_a_passkey_is_added_used_and_removed(site, visit, device, sign_in, serious_faults):
    page = visit.page
    sign_in(page, PERSON)
    page.goto("/security/")
    page.get_by_role("link", name="Add a passkey").click()
    assert serious_faults(page) == []
    page.get_by_label("Name").fill("Blue laptop")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("heading", name="Keep these codes now")).to_be_visible()
    assert len(device("getCredentials")["credentials"]) == 1

    page.goto("/security/passkeys/add/")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("alert")).to_have_text(
        "This device holds a passkey for your account already."
    )

    _sign_out(page)
    device("setUserVerified", isUserVerified=False)
    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was confirmed")
    assert serious_faults(page) == []
    device("setUserVerified", isUserVerified=True)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/overview/")

    _sign_out(page)
    # From here on as in a browser that leaves base64url to the page.
    page.add_init_script(OLDER_BROWSER)
    page.goto("/login/")
    page.get_by_label("E-mail").fill(PERSON)
    page.get_by_label("Password", exact=True).fill(site.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/login/code/**")
    assert serious_faults(page) == []
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/overview/")
    page.goto("/security/passkeys/add/")
    page.get_by_role("button", name="Add passkey").click()
    expect(page.get_by_role("alert")).to_contain_text("holds a passkey for your account")

    page.goto("/security/")
    assert serious_faults(page) == []
    page.get_by_role("link", name="Remove Blue laptop").click()
    assert serious_faults(page) == []
    page.get_by_role("button", name="Remove passkey").click()
    expect(page.locator(".messages")).to_contain_text("signs nobody in any more")
    expect(page.get_by_role("heading", name="No passkeys yet")).to_be_visible()
