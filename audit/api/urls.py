"""Routes of security events below /api/v1/; `config.api` mounts them."""

from django.urls import path

from audit.api import activity, views

urlpatterns = [
    path("users/me/activity", activity.ActivityView.as_view(), name="my-activity"),
    path(
        "audit/security-events", views.SecurityEventListView.as_view(), name="security-event-list"
    ),
    path(
        "audit/security-events/<int:event_id>/acknowledge",
        views.AcknowledgeView.as_view(),
        name="security-event-acknowledge",
    ),
    path(
        "users/me/security-events",
        views.MySecurityEventListView.as_view(),
        name="my-security-event-list",
    ),
]
