"""No path of Django's admin changes a row behind the services' back; what staff do there is marked as staff's."""

import pytest
from django.contrib import admin
from django.contrib.admin import ModelAdmin
from django.test import RequestFactory
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from audit.models import AuditLog
from billing.models import Plan
from config.backoffice import lent

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_of_sam(sam):
    request = RequestFactory().get("/admin/")
    sam.second_factor_at = timezone.now()
    request.user = sam
    return request


def own(model_admin, name):
    """Whether the admin has its own version of one of Django's ways to write."""
    return getattr(type(model_admin), name) is not getattr(ModelAdmin, name)


def test_whatever_may_be_added_or_changed_is_saved_by_a_service(request_of_sam):
    by_django = [
        model_admin
        for model_admin in admin.site._registry.values()
        if (
            model_admin.has_add_permission(request_of_sam)
            or model_admin.has_change_permission(request_of_sam)
        )
        and model_admin.get_form(request_of_sam).base_fields
        and not own(model_admin, "save_model")
    ]

    assert by_django == []


def test_whatever_may_be_deleted_is_deleted_by_a_service(request_of_sam):
    by_django = [
        model_admin
        for model_admin in admin.site._registry.values()
        if model_admin.has_delete_permission(request_of_sam)
        and not (
            own(model_admin, "delete_model")
            # "Delete selected" is an action, and takes another path.
            and (
                own(model_admin, "delete_queryset")
                or "delete_selected" not in model_admin.get_actions(request_of_sam)
            )
        )
    ]

    assert by_django == []


def test_rows_inside_and_in_lists_are_not_written_by_django(request_of_sam):
    by_django = [
        (model_admin, inline)
        for model_admin in admin.site._registry.values()
        # Where the row itself is only shown, its inlines are too.
        if model_admin.has_change_permission(request_of_sam)
        for inline in model_admin.get_inline_instances(request_of_sam)
        if (
            inline.has_add_permission(request_of_sam, None)
            or inline.has_change_permission(request_of_sam)
            or (inline.can_delete and inline.has_delete_permission(request_of_sam))
        )
        and not own(model_admin, "save_formset")
    ]

    assert by_django == []
    assert not [each for each in admin.site._registry.values() if each.list_editable]


def test_other_packages_pages_offer_nothing_to_change_and_no_secrets(request_of_sam):
    pages = {model._meta.label: page for model, page in admin.site._registry.items()}

    assert not lent.HIDDEN & set(pages)
    assert pages["djstripe.Customer"].get_actions(request_of_sam) == {}
    assert "django_celery_beat.IntervalSchedule" in pages


def test_other_packages_pages_are_djangos_own_and_no_more():
    """Pages of dj-stripe's would cancel subscriptions and fetch objects for whoever may enter the back office."""
    usual = {"changelist", "add", "history", "delete", "change"}
    added = [
        url.name
        for page in admin.site._registry.values()
        if type(page).__module__ == lent.__name__
        for url in page.get_urls()
        if url.name and url.name.rpartition("_")[2] not in usual
    ]

    assert added == []


@pytest.mark.parametrize("action", ["_sync_all_instances", "_resync_instances", "_cancel"])
def test_what_another_packages_page_would_do_is_not_there(portal_as, sam, action):
    path = f"/admin/djstripe/subscription/action/{action}/subscription/"

    answer = portal_as(sam).post(path, {"_selected_action": [action]}, follow=True)

    assert answer.redirect_chain[1:] == [("/admin/", 302)]
    (said,) = answer.context["messages"]
    assert "exist" in str(said)


def test_a_job_is_switched_off_and_on_with_an_entry(portal_as, sam):
    interval = IntervalSchedule.objects.create(every=10, period="seconds")
    job = PeriodicTask.objects.create(name="mail.sweep", task="mail.sweep", interval=interval)
    page = "/admin/django_celery_beat/periodictask/"

    by_form = portal_as(sam).post(f"{page}{job.pk}/change/", {})
    for action in ("switch_off", "switch_on"):
        portal_as(sam).post(page, {"action": action, "_selected_action": [job.pk]})

    job.refresh_from_db()
    assert (by_form.status_code, job.enabled, job.name) == (302, True, "mail.sweep")
    entries = AuditLog.objects.filter(event="job.switched").order_by("pk")
    assert [(one.old_values["enabled"], one.new_values["enabled"]) for one in entries] == [
        (True, False),
        (False, True),
    ]
    assert {(one.actor_type, one.target_id) for one in entries} == {("staff", job.pk)}


def test_what_staff_do_is_marked_and_told_with_values(portal_as, sam):
    plan = Plan.objects.get(code="PRO")
    page = portal_as(sam).get(f"/admin/billing/plan/{plan.pk}/change/")
    fields = {
        name: "" if value is None else value
        for name, value in page.context["adminform"].form.initial.items()
    }

    response = portal_as(sam).post(
        f"/admin/billing/plan/{plan.pk}/change/", {**fields, "name": "Professional"}
    )

    assert response.status_code == 302
    entry = AuditLog.objects.get(event="plan.updated")
    assert (entry.actor_type, entry.actor_id, entry.actor_label) == ("staff", sam.pk, sam.email)
    assert (entry.old_values, entry.new_values) == ({"name": plan.name}, {"name": "Professional"})
    assert (entry.target_type, entry.target_id) == ("plan", plan.pk)
    assert entry.ip == "127.0.0.1"
    assert entry.request_id == response["X-Request-Id"]
