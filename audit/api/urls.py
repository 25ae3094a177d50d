"""Routes of the log and of security events below /api/v1/; `config.api` mounts them."""

from django.urls import path

from audit.api import activity, log, views

urlpatterns = [
    path("audit-log", log.AuditLogListView.as_view(), name="audit-log"),
    path("audit-log/export", log.AuditLogExportView.as_view(), name="audit-log-export"),
    path("audit-log/<int:entry_id>", log.AuditLogEntryView.as_view(), name="audit-log-entry"),
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
