"""Every page in light, dark and narrow: no complaint of the browser, nothing serious for axe, no sideways scrolling."""

from pathlib import Path

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
    "/security/events/",
]
LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
# Pages for those who have a second factor.
WITH_A_FACTOR = (
    "/security/two-factor/off/",
    "/security/two-factor/confirm/",
    "/security/recovery-codes/",
)
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def _is_ours(path: str) -> bool:
    # Swagger UI's own markup is not ours to mend.
    return path != "/docs/"


@pytest.fixture
def look_at(visit, serious_faults):
    """Open pages, each on a desk and on a narrow screen, and return what is wrong with them."""

    def look(paths, every=1):
        wrong: list[str] = []
        for number, path in enumerate(paths):
            visit.page.set_viewport_size({"width": 1280, "height": 900})
            visit.page.goto(path, wait_until="load")
            if not _is_ours(path):
                continue
            wrong += serious_faults(visit.page) if number % every == 0 else []
            visit.page.set_viewport_size({"width": 360, "height": 900})
            wrong += [f"{path} is too wide"] if _stays_too_wide(visit.page) else []
        return wrong

    return look


def _stays_too_wide(page):
    """Whether a page has to be moved sideways, after its charts had the time to follow the window."""
    for _ in range(400):
        if page.evaluate(OVERFLOW) == 0:
            return False
        page.wait_for_timeout(50)
    return True


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.trial)])
def test_public_pages_are_accessible_and_fit(visit, look_at, scheme):
    visit.page.emulate_media(color_scheme=scheme)

    assert look_at(PUBLIC) == []


@pytest.mark.parametrize(
    ("scheme", "every"),
    [
        ("light", 2),
        pytest.param("light", 1, marks=pytest.mark.trial),
        pytest.param("dark", 1, marks=pytest.mark.trial),
    ],
)
def test_private_pages_are_accessible_and_fit(visit, look_at, sign_in, scheme, every):
    visit.page.emulate_media(color_scheme=scheme)
    sign_in(visit.page, "owner@demo.test")

    assert look_at(PRIVATE, every) == []


@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.trial)])
def test_the_back_office_has_no_complaints(visit, site, serious_faults, every):
    page = visit.page
    page.goto("/admin/")
    page.get_by_label("E-mail").fill("staff@demo.test")
    page.get_by_label("Password", exact=True).fill(site.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    if site.staff_codes:
        page.get_by_label("Code", exact=True).fill(site.staff_codes.pop())
        page.get_by_role("button", name="Sign in", exact=True).click()
    else:
        site.staff_codes += _set_up(page)
    page.wait_for_url("**/admin/")

    links = page.locator("#content-main th a, #content-main td a, .model-group a, main a")
    hrefs = {link.get_attribute("href") for link in links.all()}
    models = sorted(href for href in hrefs if href and href.count("/") == 4)

    assert len(models) >= 8
    faults = _faults_of_forms(page)
    for href in (*WITH_A_FACTOR, *models[::every]):
        assert page.goto(href).status == 200, href
        assert page.url.endswith(href)
        # Each look takes a second: the short form leaves it out, and so do pages of other packages.
        if every == 1 and "djstripe" not in href:
            faults += serious_faults(page)
    assert faults == []


def _faults_of_forms(page):
    """Return what is out of reach on the widest form there is, on a desk and on a narrow screen."""
    faults = []
    page.goto("/admin/apikeys/api/")
    page.locator("#result_list tbody th a").first.click()
    page.wait_for_url("**/change/")
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 900})
        faults += page.evaluate(LAYOUT)
    page.set_viewport_size({"width": 1280, "height": 900})
    return faults


def _set_up(page):
    """Set a second factor up, as staff must, and return the recovery codes."""
    page.get_by_role("button", name="Start").click()
    secret = page.locator("#secret").text_content()
    page.get_by_label("Code", exact=True).fill(App.of(secret).code())
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator("#codes").inner_text().split()
    page.get_by_role("link", name="I have kept them, go on").click()
    return codes
