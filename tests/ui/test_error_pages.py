"""Error pages: each renders from what the handler passes, and from nothing at all."""

import pytest
from django.template.loader import render_to_string

from config.common import errors

PAGES = [400, 403, 404, 413, 429, 500, 503]


@pytest.mark.parametrize("status", PAGES)
def test_needs_no_context(status):
    html = render_to_string(f"{status}.html")

    assert f">{status}<" in html
    assert "<h1>" in html
    assert "Sign in" not in html


@pytest.mark.parametrize("status", PAGES)
def test_names_the_request(status):
    assert "req_8f3a2b1c" in render_to_string(f"{status}.html", {"request_id": "req_8f3a2b1c"})


def test_throttled_page_says_when_to_come_back():
    error = errors.TooManyRequests(headers={"Retry-After": "37"})

    assert "Try again in 37 s." in render_to_string("429.html", {"error": error})


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
