"""The pages that ask for one's password again say how long guessing is paused, to people and to programs."""

import pytest

from tests.factories.accounts import PASSWORD

pytestmark = pytest.mark.django_db

PAGES = {
    "/profile/password/": {"current_password": PASSWORD, "new_password": "four unrelated words"},
    "/profile/email/": {"email": "olivia@other.example", "password": PASSWORD},
    "/privacy/deletion/": {"password": PASSWORD},
}
ASKED_FOR = ("current_password", "password")


@pytest.mark.parametrize(("path", "body"), PAGES.items(), ids=PAGES)
def test_guessing_pauses_with_429(clock, portal_as, olivia, path, body):
    browser = portal_as(olivia)
    wrong = body | {name: "wrong" for name in ASKED_FOR if name in body}
    statuses = [browser.post(path, wrong).status_code for _ in range(5)]

    page = browser.post(path, body)

    assert statuses == [200] * 5
    assert (page.status_code, page["Retry-After"]) == (429, "60")
    assert "Try again in 1 minute." in page.content.decode()
