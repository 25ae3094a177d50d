"""Whoever is refused for haste hears when to come back, whichever way the refusal goes out."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from apikeys.gateway.answers import Writer
from config.common import problems
from config.common.errors import TooManyRequests, error_classes
from config.common.forms import RefusableForm, with_form

HASTE = [one for one in error_classes() if one.status == 429]


def _from_drf(error):
    return problems.exception_handler(error, {}).headers["Retry-After"]


def _as(accept):
    def answered(error):
        request = RequestFactory().get("/anywhere", headers={"Accept": accept})
        return problems.response(request, error)["Retry-After"]

    return answered


def _by_the_gate(form):
    def answered(error):
        writer = Writer("https://tollgate.example", [])
        _, head, _ = getattr(writer, form)(error, b"r" * 32, "/call")
        lines = dict(line.split(": ", 1) for line in head.decode().splitlines())
        return lines["retry-after"]

    return answered


def _beside_a_form(error):
    form = RefusableForm({})
    form.refuse(error)
    request = RequestFactory().post("/anywhere")
    request.user = AnonymousUser()
    page = with_form(request, "components/_form.html", form)
    assert page.status_code == 429
    return page["Retry-After"]


WAYS = {
    "api": _from_drf,
    "page": _as("text/html"),
    "problem": _as("*/*"),
    "gate": _by_the_gate("problem"),
    "gate for nginx": _by_the_gate("nginx_problem"),
    "form": _beside_a_form,
}


def test_all_of_them_are_of_one_kind():
    assert TooManyRequests in HASTE
    assert all(issubclass(one, TooManyRequests) for one in HASTE)


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("kind", HASTE, ids=lambda kind: kind.code)
def test_every_way_out_says_when(kind, way):
    assert way(kind(headers={"Retry-After": "7"})) == "7"
    assert way(kind()) == "1"
