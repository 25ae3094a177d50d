"""The page that asks before something in the back office that cannot be undone."""

import re
from html import unescape

import pytest
from django.contrib.admin import site
from django.test import Client
from django.utils import timezone

from accounts.models import PlatformRole, User
from apikeys.models import ApiKey, ServiceKey
from apikeys.services import keys
from audit.models import AuditLog
from organizations.models import Organization
from tests.factories.apikeys import ApiKeyFactory, ServiceKeyFactory
from tests.factors import enroll

pytestmark = pytest.mark.django_db
KEYS = "/admin/apikeys/apikey/"
SERVICE_KEYS = "/admin/apikeys/servicekey/"
PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def office(portal_as, sam):
    """Return Sam's browser."""
    return portal_as(sam)


def ask(client, path, action, *rows, **more):
    """Choose rows and an action, and return the page that asks."""
    body = {"action": action, "_selected_action": [row.pk for row in rows], **more}
    return client.post(path, body)


def form_of(answer):
    """Return what a browser sends when the question is answered with yes."""
    html = answer.content.decode()
    form: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html):
        form.setdefault(name, []).append(unescape(value))
    return form


def said(answer):
    """Return the messages above the page."""
    return [str(message) for message in answer.context["messages"]]


def revoked():
    """Return the keys that were told to be revoked, once for each telling."""
    entries = AuditLog.objects.filter(event="api_key.revoked")
    return sorted(entries.values_list("target_id", flat=True))


def test_asking_names_every_row_and_changes_nothing(office, organization):
    first, second, other = ApiKeyFactory.create_batch(3, organization=organization)

    answer = ask(office, KEYS, "revoke", first, second)

    text = unescape(answer.content.decode())
    assert answer.context["title"] == "Revoke 2 API keys?"
    assert "This cannot be undone." in text
    assert "Every call with these keys is refused within two seconds." in text
    for key in (first, second):
        assert f">{key}</a>, {organization.name} (id {key.pk})" in text
    assert str(other) not in text
    assert "<script>" not in text
    assert not ApiKey.objects.exclude(revoked_at=None).exists()
    assert revoked() == []


def test_the_answer_acts_once_on_what_was_named(office, organization):
    first, second, other = ApiKeyFactory.create_batch(3, organization=organization)
    # Whoever chose all rows of the list ends those that were there.
    form = form_of(ask(office, KEYS, "revoke", first, second, select_across="0"))

    assert said(office.post(KEYS, form, follow=True)) == ["Revoked: 2."]
    office.post(KEYS, form, follow=True)

    assert revoked() == sorted([first.pk, second.pk])
    assert ApiKey.objects.get(pk=other.pk).revoked_at is None


def test_all_rows_of_a_list_are_those_that_were_named(office, organization):
    named = ApiKeyFactory.create(organization=organization)
    form = form_of(ask(office, KEYS, "revoke", named, select_across="1"))
    later = ApiKeyFactory.create(organization=organization)

    office.post(KEYS, form)

    assert revoked() == [named.pk]
    assert ApiKey.objects.get(pk=later.pk).revoked_at is None


def test_what_was_ended_or_vanished_meanwhile_does_no_harm(office, organization):
    ended, gone, left = ApiKeyFactory.create_batch(3, organization=organization)
    form = form_of(ask(office, KEYS, "revoke", ended, gone, left))
    keys.revoke_key(key=ended, at=timezone.now())
    before = ApiKey.objects.get(pk=ended.pk).revoked_at
    ApiKey.objects.filter(pk=gone.pk).delete()

    assert office.post(KEYS, form, follow=True).status_code == 200

    assert revoked() == sorted([ended.pk, left.pk])
    assert ApiKey.objects.get(pk=ended.pk).revoked_at == before


def test_when_none_is_left_it_says_so(office, organization):
    key = ApiKeyFactory.create(organization=organization)
    listed = f"{KEYS}?status=active"
    form = form_of(ask(office, listed, "revoke", key))
    keys.revoke_key(key=key, at=timezone.now())

    answer = office.post(listed, form, follow=True)

    assert said(answer) == ["None of them is there any more: nothing was changed."]
    assert answer.redirect_chain == [(listed, 302)]
    assert revoked() == [key.pk]


def test_more_rows_than_a_page_names_are_refused(office, organization, monkeypatch):
    monkeypatch.setattr("config.common.admin._AT_ONCE", 1)
    chosen = ApiKeyFactory.create_batch(2, organization=organization)

    for more in ({}, {"confirmed": "yes"}):
        answer = ask(office, KEYS, "revoke", *chosen, **more)
        assert (answer.status_code, answer["Location"]) == (302, KEYS)

    assert revoked() == []


def test_the_reason_goes_along(office, organization):
    path = "/admin/organizations/organization/"
    form = form_of(ask(office, path, "close", organization, reason='by "letter"'))

    assert (form["reason"], form["action"]) == (['by "letter"'], ["close"])
    assert Organization.objects.get().status == "ACTIVE"
    assert said(office.post(path, form, follow=True)) == ["Closed: 1."]
    assert 'by "letter"' in AuditLog.objects.get(event="organization.closed").summary


def test_a_question_keeps_the_token_of_a_form_that_shows_a_secret(office):
    key = ServiceKeyFactory.create()
    form = form_of(ask(office, SERVICE_KEYS, "rotate_now", key))

    shown = Client.post(office, SERVICE_KEYS, form)

    assert shown.context["secret"] != key.secret
    assert shown.context["secret"].endswith(ServiceKey.objects.get().last4)


@pytest.mark.parametrize("more", [{}, {"confirmed": "yes"}])
def test_whoever_may_not_is_neither_asked_nor_obeyed(portal_as, sam, olivia, more):
    key = ApiKeyFactory.create(organization=olivia.memberships.get().organization)
    service_key = ServiceKeyFactory.create()
    enroll(sam)
    outside = ask(portal_as(olivia), KEYS, "revoke", key, **more)
    User.objects.filter(pk=olivia.pk).update(role=PlatformRole.ADMIN)
    admin = portal_as(User.objects.get(pk=olivia.pk))

    denied = ask(admin, SERVICE_KEYS, "revoke", service_key, **more)
    above = ask(admin, PEOPLE, "reset_two_factor", sam, reason="x", **more)

    assert outside["Location"].startswith("/admin/login/")
    assert b"cannot be undone" not in denied.content + above.content
    assert revoked() == []
    assert ServiceKey.objects.get().revoked_at is None
    assert not AuditLog.objects.filter(event="user.two_factor_removed").exists()


def test_whatever_says_that_it_is_final_asks():
    """Actions whose names say so are tried here: a new one is asked about, too."""
    final = {
        f"{model._meta.label}.{name}"
        for model, page in site._registry.items()
        for name in map(str, page.actions or ())
        if re.search(
            r"undone|for good|at once|Reset",
            str(getattr(getattr(page, name), "short_description", "")),
        )
    }

    assert final == {
        "accounts.User.reset_two_factor",
        "apikeys.ApiKey.revoke",
        "apikeys.ServiceKey.revoke",
        "apikeys.ServiceKey.rotate_now",
        "organizations.Organization.close",
        # Tries an endpoint that is left alone: nothing ends.
        "webhooks.Webhook.try_now",
    }
