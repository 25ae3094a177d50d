"""Page routes of audit: the log and the security events of an organization, and a person's own with their activity."""

from django.urls import path

from audit import views

app_name = "audit"

urlpatterns = [
    path("audit-log/", views.log, name="log"),
    path("audit-log/export/", views.log_export, name="log-export"),
    path("audit-log/<int:entry_id>/", views.log_entry, name="log-entry"),
    path("security-events/", views.event_list, name="event-list"),
    path(
        "security-events/<int:event_id>/acknowledge/",
        views.event_acknowledge,
        name="event-acknowledge",
    ),
    path("activity/", views.my_activity, name="my-activity"),
    path("security/events/", views.my_event_list, name="my-event-list"),
]
