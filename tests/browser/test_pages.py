"""Every page in light, dark and narrow: no complaint of the browser, nothing serious for axe, no sideways scrolling."""

import pytest

from tests.factors import App

pytestmark = pytest.mark.browser

PUBLIC = [
    "/",
    "/login/",
    "/register/",
    "/verify-email-resend/",
    "/password-reset/",
    f"/reset-password/{'a' * 43}",
    f"/email-change/{'a' * 43}",
    "/problems/",
    "/problems/rate_limited",
    "/docs/",
    "/docs/events/",
    "/docs/events/api_key.rotated",
]
PRIVATE = [
    "/overview/",
    "/keys/",
    "/keys/create/",
    "/usage/",
    "/requests/",
    "/webhooks/",
    "/webhooks/create/",
    "/team/",
    "/team/invite/",
    "/team/roles/",
    "/team/roles/create/",
    "/team/grants/",
    "/organization/",
    "/organization/security/",
    "/organization/transfer/",
    "/organization/close/",
    "/organizations/switch/",
    "/profile/",
    "/profile/password/",
    "/profile/email/",
    "/notices/",
    "/activity/",
    "/privacy/",
    "/privacy/deletion/",
    "/security/passkeys/add/",
    "/audit-log/",
    "/security-events/",
    "/security/",
    "/security/two-factor/",
    "/security/two-factor/off/",
    "/security/two-factor/confirm/",
    "/security/recovery-codes/",
    "/security/events/",
]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def _is_ours(path: str) -> bool:
    # Swagger UI's own markup is not ours to mend.
    return path != "/docs/"


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.trial)])
def test_public_pages_are_accessible(visit, serious_faults, scheme):
    visit.page.emulate_media(color_scheme=scheme)
    for path in PUBLIC:
        visit.page.goto(path, wait_until="load")
        assert not _is_ours(path) or serious_faults(visit.page) == []


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.trial)])
def test_private_pages_are_accessible(visit, serious_faults, sign_in, scheme):
    visit.page.emulate_media(color_scheme=scheme)
    sign_in(visit.page, "owner@demo.test")
    for path in PRIVATE:
        visit.page.goto(path, wait_until="load")
        assert serious_faults(visit.page) == []


def test_pages_fit_a_narrow_screen(visit, sign_in):
    visit.page.set_viewport_size({"width": 360, "height": 900})
    too_wide = []
    for path in filter(_is_ours, PUBLIC):
        visit.page.goto(path, wait_until="load")
        too_wide += [path] if visit.page.evaluate(OVERFLOW) else []
    sign_in(visit.page, "owner@demo.test")
    for path in PRIVATE:
        visit.page.goto(path, wait_until="load")
        too_wide += [path] if visit.page.evaluate(OVERFLOW) else []

    assert too_wide == []


def test_the_back_office_has_no_complaints(visit, site):
    page = visit.page
    page.goto("/admin/")
    page.get_by_label("E-mail").fill("staff@demo.test")
    page.get_by_label("Password", exact=True).fill(site.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.get_by_role("button", name="Begin").click()
    secret = page.locator("#secret").text_content()
    page.get_by_label("Code", exact=True).fill(App.of(secret).code())
    page.get_by_role("button", name="Turn on").click()
    page.get_by_role("link", name="I have kept them, go on").click()
    page.wait_for_url("**/admin/")

    links = page.locator("#content-main th a, #content-main td a, .model-group a, main a")
    hrefs = {link.get_attribute("href") for link in links.all()}
    models = sorted(href for href in hrefs if href and href.count("/") == 4)

    assert len(models) >= 8
    for href in models:
        assert page.goto(href).status == 200, href
