"""Long, right-to-left, emoji and huge values: no page grows too wide, cuts a text off, or lays controls upon each other."""

import re
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import patience

pytestmark = pytest.mark.browser

LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
WIDE = "W" * 80
RIGHT_TO_LEFT = "مفتاح الإنتاج للعملاء الكبار جدا في المنطقة الشرقية والغربية معا 12345"
EMOJI = "👩‍👩‍👧‍👦" * 7 + "🏴‍☠️" * 3
HUGE = 2_147_483_647
SIZES = [(360, 800), (1280, 900)]


@dataclass
class House:
    """An organization in which every value is as bad as it may be."""

    organization: int
    keys: list[int]
    webhook: int
    delivery: int


def _house(url, password):
    with httpx.Client(base_url=f"{url}/api/v1", timeout=patience.PATIENCE_SECONDS) as api:

        def send(path, **body):
            answer = api.post(path, json=body)
            assert answer.status_code < 300, answer.text
            return answer.json()

        who = {"email": "viewer@demo.test", "password": password}
        api.headers["Authorization"] = f"Bearer {send('/auth/login', **who)['access']}"
        organization = send("/organizations", name=WIDE)
        api.headers["X-Organization-Id"] = str(organization["id"])
        assert api.patch("/users/me", json={"full_name": WIDE}).status_code == 200
        keys = [
            send(
                "/api-keys",
                name=name,
                description=name * 6,
                scopes=[f"{'s' * 90}:read", "orders:*"],
                external_id=WIDE * 3,
                ip_allowlist=["2001:db8:1111:2222:3333:4444:5555:6666"],
                metadata={WIDE: WIDE * 10},
                quota={"limit": HUGE, "period": "month"},
            )
            for name in (WIDE, RIGHT_TO_LEFT, EMOJI)
        ]
        webhook = send(
            "/webhooks",
            url=f"https://hooks.example.com/{'p' * 400}?q={'x' * 400}",
            description=WIDE * 6,
            event_types=["api_key.created", "organization.updated"],
            headers={"X-" + "H" * 80: WIDE},
        )
        delivery = send(f"/webhooks/{webhook['id']}/test")
        for name in (RIGHT_TO_LEFT, EMOJI, WIDE):
            renamed = api.patch(f"/organizations/{organization['id']}", json={"name": name})
            assert renamed.status_code == 200, renamed.text
        return House(organization["id"], [key["id"] for key in keys], webhook["id"], delivery["id"])


@pytest.fixture
def look(visit, site, sign_in):
    """Return what opens pages in both sizes and tells what is wrong with their layout."""
    house, page = _house(site.url, site.password), visit.page
    sign_in(page, "viewer@demo.test")
    page.goto("/organizations/switch/")
    page.locator(f"main button[value='{house.organization}']").click()
    page.wait_for_load_state()

    def look(*paths):
        wrong = []
        for path in paths:
            where = path.format(key=house.keys[0], **vars(house))
            assert page.goto(where).status == 200, where
            for width, height in SIZES:
                page.set_viewport_size({"width": width, "height": height})
                wrong += [f"{path} at {width} px: {fault}" for fault in _faults(page)]
        return wrong

    return look


def _faults(page):
    """Return what is wrong with a page for good: charts take a moment to follow the window."""
    for _ in range(400):
        if not page.evaluate(LAYOUT):
            break
        page.wait_for_timeout(50)
    return page.evaluate(LAYOUT)


SHORT = [
    *("/keys/", "/keys/{key}/", "/webhooks/", "/webhooks/{webhook}/", "/audit-log/"),
    "/organizations/switch/",
]
FULL = [
    *("/overview/", "/usage/", "/requests/", "/team/", "/team/roles/", "/organization/"),
    *("/keys/create/", *(f"/keys/{{key}}/{rest}/" for rest in ("edit", "rotate", "revoke"))),
    "/webhooks/{webhook}/deliveries/{delivery}/",
    *(f"/webhooks/{{webhook}}/{rest}/" for rest in ("edit", "verify", "why", "delete")),
    *("/organization/security/", "/profile/", "/notices/", "/activity/", "/security-events/"),
    *("/security/", "/privacy/"),
]


@pytest.mark.parametrize(
    "paths", [SHORT, pytest.param(SHORT + FULL, marks=pytest.mark.trial)], ids=["short", "full"]
)
def test_bad_values_break_no_page(look, paths):
    assert look(*paths) == []


MARKUP = {
    "<p class=wide>.</p>": ["wider by", "cut off"],
    "<div class=clip><p class=wide>long</p></div>": ["cut off"],
    "<button>a</button><button class=over>b</button>": ["on top of each other"],
    "<div class=scroll><p class=wide>long</p></div>": [],
    "<div class=clip title=long><p class=wide>long</p></div>": [],
    "<button>a</button><button>b</button>": [],
}
STYLE = """<style>.wide { width: 900px; text-align: right } .clip { overflow: hidden }
.scroll { overflow: auto } .over { margin-left: -15px }</style>"""


def test_the_look_itself_finds_what_is_wrong(browser):
    page, found = browser.new_page(viewport={"width": 360, "height": 800}), {}

    for markup in MARKUP:
        page.set_content(STYLE + markup)
        found[markup] = [re.sub(r"( \d+ px)?(: .*)?$", "", one) for one in page.evaluate(LAYOUT)]

    assert found == MARKUP
