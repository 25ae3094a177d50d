"""Error pages: each renders from what the handler passes, and from nothing at all."""

import pytest
from django.template.loader import render_to_string

from config.common import errors

PAGES = [400, 403, 404, 405, 413, 429, 500, 503]


@pytest.mark.parametrize("status", PAGES)
def test_needs_no_context(status):
    html = render_to_string(f"{status}.html")

    assert f">{status}<" in html
    assert "<h1>" in html
    assert "Sign in" not in html


@pytest.mark.parametrize("status", PAGES)
def test_names_the_request(status):
    assert "req_8f3a2b1c" in render_to_string(f"{status}.html", {"request_id": "req_8f3a2b1c"})


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        ("1", "1 second"),
        ("37", "37 seconds"),
        ("60", "1 minute"),
        ("119", "119 seconds"),
        ("121", "3 minutes"),
        ("900", "15 minutes"),
        ("3600", "1 hour"),
        ("3601", "61 minutes"),
        ("86400", "24 hours"),
    ],
)
def test_throttled_page_says_when_to_come_back(seconds, said):
    error = errors.TooManyRequests(headers={"Retry-After": seconds})

    assert f"Try again in {said}." in render_to_string("429.html", {"error": error})
    assert "Retry-After" not in error.advice


def test_an_address_that_is_no_page_speaks_of_no_methods(client):
    answer = client.get("/logout/", headers={"Accept": "text/html"})

    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "This address is not a page" in answer.content.decode()
    assert "method" not in answer.content.decode()


def test_the_tab_says_what_the_page_says():
    html = render_to_string("403.html", {"error": errors.CsrfFailed()})

    assert "<title>The form could not be verified · Tollgate</title>" in html
    assert "<h1>The form could not be verified</h1>" in html


def test_pages_bear_the_name_of_the_product(settings):
    settings.PRODUCT_NAME = "Acme & Sons"

    for status in PAGES:
        html = render_to_string(f"{status}.html")
        assert " · Acme &amp; Sons</title>" in html
        assert "Tollgate" not in html


def test_a_fault_of_the_request_is_told_to_a_person_and_not_to_a_program():
    fault = errors.FieldError("#/q", "NUL characters are not accepted.", location="query")

    told = render_to_string("400.html", {"error": errors.InvalidInput(errors=[fault])})
    alone = render_to_string("400.html", {"error": errors.InvalidInput()})

    assert "NUL characters are not accepted." in told
    assert "<code>errors</code>" in alone
    assert not [html for html in (told, alone) if "`" in html]


def test_unknown_kinds_of_refusal_show_their_own_words():
    html = render_to_string("400.html", {"error": errors.Conflict("The key is revoked already.")})

    assert ">409<" in html
    assert "The key is revoked already." in html
