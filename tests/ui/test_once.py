"""Forms that make something once: every one of them makes one thing, however often it is sent."""

import ast
import json
import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import get_resolver, reverse
from django.utils import timezone

from accounts.models import Passkey, RecoveryCode
from apikeys.models import ApiKey, Secret, ServiceKey
from config.common import crypto, idempotency, once
from config.common.models import IDEMPOTENT_BODY, IdempotentAnswer
from config.common.tasks import prune_answers
from tests import race
from tests.architecture.source import ROOT, modules, tree
from tests.doubles.authenticator import Authenticator
from tests.factories.accounts import PASSWORD
from tests.factories.apikeys import ApiKeyFactory, ServiceKeyFactory
from tests.factories.webhooks import WebhookFactory
from tests.factors import App, enroll
from webhooks.models import Webhook

KEYS = "/keys/create/"
NEW_KEY = {"name": "Checkout", "environment": "test"}
SERVICE_KEYS = "/admin/apikeys/servicekey/"


def _key_create(browser, person, organization):
    return KEYS, NEW_KEY


def _key_rotate(browser, person, organization):
    key = ApiKeyFactory.create(organization=organization)
    return f"/keys/{key.pk}/rotate/", {"overlap_seconds": "3600"}


def _webhook_create(browser, person, organization):
    return "/webhooks/create/", {
        "url": "http://127.0.0.1:8099/hook",
        "event_types": ["*"],
        "concurrency": "5",
        "kind": "standard",
        "signature": "symmetric",
    }


def _webhook_rotate(browser, person, organization):
    webhook = WebhookFactory.create(organization=organization)
    return f"/webhooks/{webhook.pk}/rotate/", {"overlap_seconds": "3600"}


def _two_factor(browser, person, organization):
    path = "/security/two-factor/"
    browser.post(path)
    return path, {"code": App.of(browser.get(path).context["enrolment"].secret).code()}


def _recovery_codes(browser, person, organization):
    return "/security/recovery-codes/", {"password": PASSWORD, "code": enroll(person).code()}


def _passkey_add(browser, person, organization):
    options = browser.post("/api/v1/auth/passkeys/options", "{}", "application/json").json()
    answer = json.dumps(Authenticator().create(options))
    return "/security/passkeys/add/", {"name": "Laptop", "credential": answer}


def _service_key_add(browser, person, organization):
    return f"{SERVICE_KEYS}add/", {"name": "gateway", "scopes": "keys:verify"}


def _service_key_rotate(browser, person, organization):
    key = ServiceKeyFactory.create()
    chosen = {"action": "rotate_now", "_selected_action": [str(key.pk)]}
    return SERVICE_KEYS, chosen | {"confirmed": "yes"}


PORTAL = {
    "apikeys:key-create": _key_create,
    "apikeys:key-rotate": _key_rotate,
    "webhooks:webhook-create": _webhook_create,
    "webhooks:webhook-rotate": _webhook_rotate,
    "accounts:two-factor": _two_factor,
    "accounts:recovery-codes": _recovery_codes,
    "accounts:passkey-add": _passkey_add,
}
BACK_OFFICE = [_service_key_add, _service_key_rotate]


def _state():
    """Return all that such a form may make."""
    return [
        sorted(model.objects.values_list("pk", *fields))
        for model, fields in (
            (ApiKey, ["version", "last4"]),
            (Secret, ["digest", "expires_at"]),
            (ServiceKey, ["last4"]),
            (Webhook, ["updated_at"]),
            (RecoveryCode, []),
            (Passkey, []),
        )
    ]


def _sent(browser, path, values):
    """Open a page and send its form as a browser does, with all that is hidden in it."""
    hidden = re.findall(
        r'<input type="hidden" name="(\w+)" value="([^"]*)"', browser.get(path).content.decode()
    )
    return {name: unescape(value) for name, value in hidden} | values


def _said(response):
    return [str(message) for message in response.context["messages"]]


def _views(resolver, prefix=""):
    for pattern in resolver.url_patterns:
        if hasattr(pattern, "url_patterns"):
            namespace = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            yield from _views(pattern, namespace)
        else:
            yield f"{prefix}{pattern.name}", pattern.callback


def test_every_such_page_is_tried_here():
    marked = {name for name, view in _views(get_resolver()) if getattr(view, "shows_once", False)}

    assert marked == set(PORTAL) | {"organizations:create"}


def test_pages_with_a_secret_are_shown_by_nothing_else():
    pages = {
        str(path.relative_to(ROOT / "templates"))
        for path in (ROOT / "templates").rglob("*.html")
        if re.search(r"(is|are) shown this once", path.read_text(encoding="utf-8"))
    }
    shown: dict[str, set[str]] = {page: set() for page in pages}
    for module in modules():
        for call in (node for node in ast.walk(tree(module)) if isinstance(node, ast.Call)):
            for page in pages & {
                argument.value for argument in call.args if isinstance(argument, ast.Constant)
            }:
                shown[page].add(ast.unparse(call.func))

    assert len(pages) == 4
    assert shown == {page: {"once.reveal"} for page in pages}


def test_a_page_that_forgets_the_token_shows_nothing(db):
    request = RequestFactory().post("/somewhere/")

    with pytest.raises(RuntimeError, match="/somewhere/"):
        once.reveal(request, "apikeys/key_created.html", {}, instead="/", hint="")


@pytest.fixture
def send_twice(organization):
    """Return what opens a page, sends its form twice, and tells the answers and what the second one changed."""

    def send(browser, person, prepare):
        path, values = prepare(browser, person, organization)
        form = _sent(browser, path, values)
        assert once.FIELD in form, path
        before = _state()
        first = Client.post(browser, path, form)
        made = _state()
        assert made != before
        again = Client.post(browser, path, form, follow=True)
        assert _state() == made
        return first, again

    return send


@pytest.mark.parametrize("name", PORTAL)
def test_back_or_reload_makes_nothing_more(portal_as, olivia, send_twice, name):
    first, again = send_twice(portal_as(olivia), olivia, PORTAL[name])

    assert (first.status_code, first["Cache-Control"]) == (200, "no-store")
    assert again.status_code == 200
    # A script puts that page in the place of the form, so that most browsers do not even ask.
    assert f'data-instead="{again.redirect_chain[0][0]}"' in first.content.decode()
    [told] = [text for text in _said(again) if "was sent before" in text]
    assert "nothing was made a second time" in told
    assert re.search(r"shown (that )?once", told)


@pytest.mark.parametrize("prepare", BACK_OFFICE)
def test_the_back_office_makes_nothing_more_either(portal_as, sam, send_twice, prepare):
    first, again = send_twice(portal_as(sam), sam, prepare)

    assert first.status_code == 200
    assert "no-store" in first["Cache-Control"]
    assert again.redirect_chain == [(SERVICE_KEYS, 302)]
    [told] = _said(again)
    assert re.search(r"The secret of [\w-]+ was shown that once", told)


@pytest.mark.django_db
def test_whoever_sends_it_again_is_led_to_the_key(portal_as, olivia):
    browser = portal_as(olivia)
    form = _sent(browser, KEYS, NEW_KEY)
    key = Client.post(browser, KEYS, form).context["key"]

    again = Client.post(browser, KEYS, form)

    assert again["Location"] == reverse("apikeys:key-detail", args=[key.pk])


@pytest.mark.django_db
def test_no_secret_is_kept_for_it(portal_as, olivia):
    browser = portal_as(olivia)
    form = _sent(browser, KEYS, NEW_KEY)
    secret = Client.post(browser, KEYS, form).context["secret"]

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM common_idempotentanswer")
        kept = [bytes(part) if isinstance(part, memoryview) else part for part in cursor.fetchone()]
    body = crypto.decrypt(IdempotentAnswer.objects.get().body_encrypted, purpose=IDEMPOTENT_BODY)

    assert body == "The secret was shown that once: rotate this key if you did not keep it."
    assert secret not in str(kept) + form[once.FIELD]
    assert form[once.FIELD] not in str(kept)
    assert secret not in str(dict(browser.session)) + str(browser.cookies)


@pytest.mark.django_db
def test_a_refused_form_may_be_sent_again(portal_as, olivia):
    browser = portal_as(olivia)
    form = _sent(browser, KEYS, NEW_KEY)

    refused = Client.post(browser, KEYS, form | {"scopes": "orders!read"})
    shown = re.search(r'name="once" value="([^"]+)"', refused.content.decode())
    mended = Client.post(browser, KEYS, form | {once.FIELD: unescape(shown[1])})

    assert (refused.status_code, mended.status_code) == (200, 200)
    assert unescape(shown[1]) == form[once.FIELD]
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db
def test_failed_guesses_stay_counted(portal_as, olivia):
    path, values = _recovery_codes(portal_as(olivia), olivia, None)
    browser = portal_as(olivia)

    answers = [
        Client.post(browser, path, _sent(browser, path, values | {"password": f"wrong {number}"}))
        for number in range(6)
    ]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["", "x", "forged", "other page", "other session", "old"])
def test_a_token_that_is_not_ours_makes_nothing_and_asks_anew(portal_as, olivia, clock, token):
    browser, other = portal_as(olivia), portal_as(olivia)
    key = ApiKeyFactory.create(organization=olivia.memberships.get().organization)
    right = _sent(browser, KEYS, NEW_KEY)[once.FIELD]
    tokens = {
        "forged": right[:-1] + ("A" if right[-1] != "A" else "B"),
        "other page": _sent(browser, f"/keys/{key.pk}/rotate/", {})[once.FIELD],
        "other session": _sent(other, KEYS, {})[once.FIELD],
        "old": right,
    }
    if token == "old":
        browser.session.set_expiry(timedelta(days=9))
        clock.shift(idempotency.KEPT_FOR.total_seconds() + 1)
        olivia.sessions.update(authenticated_at=timezone.now())

    answer = Client.post(browser, KEYS, NEW_KEY | {once.FIELD: tokens.get(token, token)})

    assert (answer.status_code, answer["Location"]) == (302, KEYS)
    assert "nothing was changed" in _said(browser.get(KEYS))[0]
    assert ApiKey.objects.get() == key


@pytest.mark.django_db
def test_what_was_redeemed_is_remembered_for_as_long_as_its_token_holds(portal_as, olivia, clock):
    browser = portal_as(olivia)
    form = _sent(browser, KEYS, NEW_KEY)
    clock.shift(60)
    Client.post(browser, KEYS, form)

    clock.shift(idempotency.KEPT_FOR.total_seconds() - 61)
    prune_answers()
    olivia.sessions.update(authenticated_at=timezone.now())
    again = Client.post(browser, KEYS, form)

    assert again["Location"] != KEYS
    assert ApiKey.objects.count() == 1


@pytest.mark.django_db
def test_what_fails_is_not_redeemed(portal_as, olivia, monkeypatch):
    browser = portal_as(olivia)
    browser.raise_request_exception = False
    form = _sent(browser, KEYS, NEW_KEY)
    with monkeypatch.context() as broken:
        broken.setattr("apikeys.selectors.example_calls", lambda _: 1 / 0)
        assert Client.post(browser, KEYS, form).status_code == 500
    assert not ApiKey.objects.exists()

    assert Client.post(browser, KEYS, form).status_code == 200
    assert ApiKey.objects.count() == 1


def _tabs(browser, count):
    """Return the browser and others with its cookies."""
    others = [Client(headers={"Accept": "text/html"}) for _ in range(count - 1)]
    for other in others:
        other.cookies = browser.cookies
    return [browser, *others]


@pytest.mark.django_db(transaction=True)
def test_clicks_at_once_make_one_organization(portal_as, olivia):
    browsers = _tabs(portal_as(olivia), 4)
    path = reverse("organizations:create")
    form = _sent(browsers[0], path, {"name": "Second"})

    answers = race.together(4, lambda number: Client.post(browsers[number], path, form))
    later = Client.post(browsers[0], path, form, follow=True)

    assert [(answer.status_code, answer["Location"]) for answer in answers] == [(302, "/")] * 4
    assert olivia.memberships.filter(organization__name="Second").count() == 1
    [told] = [text for text in _said(later) if "was sent before" in text][-1:]
    assert told.endswith("nothing was made a second time. Second is yours.")


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_make_one_key(portal_as, olivia, organization):
    browsers = _tabs(portal_as(olivia), 4)
    form = _sent(browsers[0], KEYS, NEW_KEY)

    answers = race.together(4, lambda number: Client.post(browsers[number], KEYS, form))

    assert sorted(answer.status_code for answer in answers) == [200, 302, 302, 302]
    assert ApiKey.objects.count() == 1
    assert {answer["Location"] for answer in answers if answer.status_code == 302} == {
        f"/keys/{ApiKey.objects.get().pk}/"
    }
