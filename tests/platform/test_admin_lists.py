"""What the address of a list in the back office may ask for, and how many rows an action takes."""

import pytest
from django.contrib.admin import site
from django.urls import reverse
from django.utils import timezone

from accounts.models import PlatformRole, User
from apikeys.models import KeyActivity
from audit.models import AuditLog, SecurityEvent
from tests.factories.accounts import UserFactory
from tests.factories.apikeys import ApiKeyFactory, ServiceKeyFactory
from tests.factories.audit import SecurityEventFactory
from tests.platform.test_admin_questions import ask, form_of, said

pytestmark = pytest.mark.django_db
KEY_ACTIVITY = "/admin/apikeys/keyactivity/"
PEOPLE = "/admin/accounts/user/"


@pytest.fixture
def ada(portal_as):
    """Return the browser of staff that is no super admin."""
    return portal_as(UserFactory.create(email="ada@example.com", role=PlatformRole.ADMIN))


@pytest.fixture
def used_key(organization):
    key = ApiKeyFactory.create(organization=organization)
    now = timezone.now()
    KeyActivity.objects.create(api_key=key, first_used_at=now, last_used_at=now)
    return key


@pytest.mark.parametrize(
    "path",
    [
        f"{KEY_ACTIVITY}?pk__organization__members__user__password__startswith=argon2",
        f"{KEY_ACTIVITY}?api_key__pk__organization__members__user__password__startswith=argon2",
        "/admin/apikeys/apikey/?activity__pk__organization__members__user__password__startswith=a",
        f"{KEY_ACTIVITY}?pk__secrets__isnull=False",
        f"{KEY_ACTIVITY}?pk__organization__name__startswith=O",
    ],
)
def test_nobody_guesses_a_secret_behind_another_name_of_a_key(ada, used_key, path):
    answer = ada.get(path)

    assert answer.status_code == 400
    assert used_key.name not in answer.content.decode()


def test_a_row_is_found_by_its_key_under_either_name(ada, used_key):
    for name in ("pk", "api_key", "api_key__id", "api_key_id"):
        answer = ada.get(f"{KEY_ACTIVITY}?{name}={used_key.pk}")
        assert [row.pk for row in answer.context["cl"].result_list] == [used_key.pk], name


@pytest.mark.parametrize(
    "query",
    [
        "email__regex=(",
        "email__iregex=(a%2B)%2B%24",
        "email__range=a",
        "id__range=1",
        "email__unaccent=a",
        "email__search=a",
        "metadata__has_key=a",
        "metadata__a__regex=(",
        "created_at__week=1",
    ],
)
def test_a_list_is_filtered_by_comparisons_and_by_no_patterns(ada, query):
    assert ada.get(f"{PEOPLE}?{query}").status_code == 400


@pytest.mark.parametrize("year", ["0", "-1", "10000", "9" * 23])
@pytest.mark.parametrize("day", ["", "&created_at__month=1&created_at__day=1"])
def test_a_year_that_no_calendar_has_leads_to_the_whole_list(ada, year, day):
    answer = ada.get(f"{PEOPLE}?created_at__year={year}{day}")

    assert (answer.status_code, answer["Location"]) == (302, f"{PEOPLE}?e=1")


def test_an_annotation_is_filtered_by_no_pattern_either(ada, organization):
    answer = ada.get("/admin/organizations/organization/?member_count__range=1")

    assert answer.status_code == 400


def test_every_filter_beside_a_list_is_allowed(portal_as, sam, organization):
    office = portal_as(sam)
    for model, page in site._registry.items():
        if not page.list_filter:
            continue
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        listed = office.get(path).context["cl"]
        for spec in listed.filter_specs:
            for choice in spec.choices(listed):
                answer = office.get(path + choice["query_string"])
                assert answer.status_code == 200, (model, choice["query_string"])


def test_an_action_takes_no_more_rows_than_people_wait_for(ada, monkeypatch):
    monkeypatch.setattr("config.common.admin._AT_ONCE", 2)
    crowd = UserFactory.create_batch(3)

    ask(ada, PEOPLE, "suspend", *crowd, reason="fraud")

    assert said(ada.get(PEOPLE)) == ["Choose at most 2 at a time: nothing was changed."]
    assert not User.objects.exclude(status="ACTIVE").exists()
    assert not AuditLog.objects.filter(event="user.suspended").exists()
    ask(ada, PEOPLE, "suspend", *crowd[:2], reason="fraud")
    assert said(ada.get(PEOPLE)) == ["Done: 2."]
    assert AuditLog.objects.filter(event="user.suspended").count() == 2


def test_events_are_acknowledged_within_the_same_bound(ada, monkeypatch):
    monkeypatch.setattr("config.common.admin._AT_ONCE", 1)
    events = SecurityEventFactory.create_batch(2)

    ask(ada, "/admin/audit/securityevent/", "acknowledge", *events)

    assert not SecurityEvent.objects.exclude(acknowledged_at=None).exists()


def test_as_many_rows_as_are_asked_about_are_confirmed(portal_as, sam):
    User.objects.bulk_create(
        User(email=f"{number}@example.com", password="!") for number in range(401)
    )
    office = portal_as(sam)
    crowd = User.objects.exclude(pk=sam.pk).order_by("pk")
    assert ask(office, PEOPLE, "reset_two_factor", *crowd, reason="lost").status_code == 302
    assert said(office.get(PEOPLE)) == ["Choose at most 400 at a time: nothing was changed."]
    form = form_of(ask(office, PEOPLE, "reset_two_factor", *crowd[:400], reason="lost"))
    assert len(form["_selected_action"]) == 400

    # As a browser sends it: with the token against forged forms.
    answer = office.post(PEOPLE, {"csrfmiddlewaretoken": "x", **form})

    assert answer.status_code == 302
    assert said(office.get(PEOPLE)) == ["There was nothing to do: 400."]


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("/admin/apikeys/servicekey/", "revoke"),
        ("/admin/apikeys/servicekey/", "rotate_now"),
        ("/admin/django_celery_beat/periodictask/", "switch_off"),
        ("/admin/accounts/user/", "delete_selected"),
        ("/admin/audit/auditlog/", "delete_selected"),
        ("/admin/accounts/session/", "suspend"),
        ("/admin/djstripe/customer/", "delete_selected"),
    ],
)
def test_an_action_that_is_not_offered_is_refused(ada, path, action):
    key = ServiceKeyFactory.create()

    answer = ada.post(path, {"action": action, "_selected_action": [key.pk], "confirmed": "yes"})

    assert answer.status_code == 403
    key.refresh_from_db()
    assert key.revoked_at is None
    assert AuditLog.objects.filter(event__startswith="service_key.").count() == 1
    assert not AuditLog.objects.filter(event="job.switched").exists()
    assert User.objects.filter(email="ada@example.com").exists()


def test_no_action_at_all_is_told(ada):
    ada.post(PEOPLE, {"action": "", "_selected_action": ["1"]})

    assert said(ada.get(PEOPLE)) == ["No action selected."]
