"""Routes of the house's own staff API below /api/v1/admin/; `config.api` mounts them."""

from django.urls import path

from config.backoffice import views

urlpatterns = [
    path("dashboard", views.DashboardView.as_view(), name="admin-dashboard"),
    path("system/metrics", views.SystemMetricsView.as_view(), name="admin-system-metrics"),
    path("broadcast", views.BroadcastListView.as_view(), name="admin-broadcasts"),
    path("broadcast/preview", views.BroadcastPreviewView.as_view(), name="admin-broadcast-preview"),
    path("broadcast/test", views.BroadcastTestView.as_view(), name="admin-broadcast-test"),
    path("broadcast/<int:broadcast_id>", views.BroadcastView.as_view(), name="admin-broadcast"),
    path(
        "broadcast/<int:broadcast_id>/cancel",
        views.BroadcastCancelView.as_view(),
        name="admin-broadcast-cancel",
    ),
]
