"""A real Chromium before the real product: the embedded run on a free port with a directory of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.architecture.source import ROOT
from tests.patience import PATIENCE_SECONDS, within_one
from tests.ports import free_port

CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
_READY_SECONDS = 200
# A machine that stands still is no page that does not come; the default is 5 s.
expect.set_options(timeout=PATIENCE_SECONDS * 1_000)
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_QUIET_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(autouse=True)
def _steady_chart(_steady_hour: None) -> None:
    """Start no test in the last minute of an hour: charts show one column more in the next."""
    within_one("hour", seconds=60)


@dataclass
class Site:
    """The running product as a visitor knows it."""

    url: str
    local: Path
    greeting: str
    # The recovery codes of staff, once one of the tests has set their second factor up.
    staff_codes: list[str] = field(default_factory=list)

    @property
    def password(self) -> str:
        """The printed password of the demo people."""
        found = re.search(r"Password\s+(\S+)", self.greeting)
        assert found is not None
        return found.group(1)

    def newest_mail(self, to: str) -> str:
        """The newest mail to an address, as the embedded run wrote it to a file."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            mails = sorted(
                (self.local / "mail").glob("*.eml"), key=lambda path: path.stat().st_mtime
            )
            for path in reversed(mails):
                text = path.read_text(encoding="utf-8")
                if f"To: {to}" in text:
                    return text
            time.sleep(0.1)
        raise AssertionError(f"no mail to {to}")


@dataclass
class Visit:
    """A page with everything that the browser complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Collect console errors, exceptions and what the content security policy blocked."""
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{self.page.url}: {message.text}")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Start the embedded run as a newcomer does and wait for its greeting."""
    local, port = tmp_path_factory.mktemp("site"), free_port()
    local.chmod(0o755)
    ours = {"DATABASE_URL", "REDIS_URL", "REDIS_PREFIX", "DJANGO_SETTINGS_MODULE"}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    log = local / "up.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "manage.py"), "up"],
            env={
                **environment,
                "DJANGO_SETTINGS_MODULE": "tests.doubles.patient_local",
                "LOCAL_DIR": str(local),
                "PORT": str(port),
            },
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Site(f"http://localhost:{port}", local, _greeting(process, log))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=200)


def _greeting(process: "subprocess.Popen[bytes]", log: Path) -> str:
    heard, deadline = "", time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        heard = log.read_text(encoding="utf-8")
        if "curl" in heard and "hello" in heard:
            return _ANSI.sub("", heard)
        time.sleep(0.1)
    raise AssertionError(f"the embedded run did not come up:\n{heard}")


@pytest.fixture
def browser() -> Iterator[Browser]:
    """Start the system's Chromium, for one test: Playwright's event loop runs on between tests, and others need none."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_QUIET_FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Visit]:
    """Open a fresh page; when the test is over, the browser has had nothing to complain of."""
    context = browser.new_context(base_url=site.url)
    context.set_default_timeout(PATIENCE_SECONDS * 1_000)
    visit = Visit(context.new_page())
    visit.listen()
    yield visit
    context.close()
    assert visit.complaints == []


@pytest.fixture
def serious_faults():
    """Return what axe finds serious or critical on a page."""

    def look(page: Page) -> list[str]:
        page.wait_for_load_state()
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        return [
            f"{page.url}: {fault['id']}: {fault['nodes'][0]['html']}"
            for fault in found
            if fault["impact"] in {"serious", "critical"}
        ]

    return look


@pytest.fixture
def sign_in(site: Site):
    """Sign a demo person in."""

    def enter(page: Page, email: str) -> None:
        page.goto("/login/")
        page.get_by_label("E-mail").fill(email)
        page.get_by_label("Password", exact=True).fill(site.password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/overview/")

    return enter
