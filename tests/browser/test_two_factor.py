"""A second factor from the first click to the sign-in: the picture is scanned, the codes are kept, the device is trusted."""

import shutil
import subprocess
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("zbarimg") is None, reason="zbarimg is not installed"),
    pytest.mark.skipif(shutil.which("oathtool") is None, reason="oathtool is not installed"),
]
WHO = "member@demo.test"


@pytest.fixture
def scanned(tmp_path):
    """Return what a telephone reads from the picture on a page."""

    def scan(page):
        picture = tmp_path / "qr.png"
        page.locator(".qr svg").screenshot(path=picture)
        read = subprocess.run(
            ["zbarimg", "--quiet", "--raw", picture], capture_output=True, text=True, check=True
        )
        return read.stdout.strip()

    return scan


def _code(secret):
    shown = subprocess.run(
        ["oathtool", "--totp", "--base32", secret], capture_output=True, text=True, check=True
    )
    return shown.stdout.strip()


def _sign_out(page):
    page.goto("/security/")
    page.locator(".menu-up summary").click()
    page.get_by_role("button", name="Sign out", exact=True).last.click()
    page.wait_for_url("**/login/")


def _give_password(page, site):
    page.goto("/login/")
    page.get_by_label("E-mail").fill(WHO)
    page.get_by_label("Password", exact=True).fill(site.password)
    page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.trial)])
def test_a_telephone_scans_it_and_its_codes_work(
    visit, site, sign_in, scanned, serious_faults, scheme
):
    page = visit.page
    page.emulate_media(color_scheme=scheme)
    sign_in(page, WHO)
    page.goto("/security/two-factor/")
    page.get_by_role("button", name="Start").click()
    assert serious_faults(page) == []
    uri = urlsplit(scanned(page))
    (secret,) = parse_qs(uri.query)["secret"]
    assert unquote(uri.path) == f"/Tollgate:{WHO}"

    page.get_by_label("Code", exact=True).fill(_code(secret))
    page.get_by_role("button", name="Turn on").click()
    codes = page.locator("#codes").inner_text().split()
    assert len(codes) == 10
    assert serious_faults(page) == []
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().split() == codes

    _sign_out(page)
    _give_password(page, site)
    page.wait_for_url("**/login/code/**")
    assert serious_faults(page) == []
    page.get_by_label("Code", exact=True).fill(codes[0])
    page.get_by_label("Do not ask for a code").check()
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/overview/")

    _sign_out(page)
    _give_password(page, site)
    page.wait_for_url("**/overview/")
    page.goto("/security/")
    assert serious_faults(page) == []
    page.get_by_role("link", name="Turn off").click()
    page.get_by_label("Password", exact=True).fill(site.password)
    page.get_by_label("Code", exact=True).fill(codes[1])
    page.get_by_role("button", name="Turn off").click()
    page.wait_for_url("**/security/")
    assert page.get_by_role("link", name="Set up").is_visible()
