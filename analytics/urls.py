"""Page paths of usage."""

from django.urls import path

from analytics import views

app_name = "analytics"

urlpatterns = [
    path("overview/", views.overview, name="overview"),
    path("usage/", views.usage_overview, name="usage"),
    path("usage/data/", views.usage_data, name="usage-data"),
    path("requests/", views.request_list, name="request-list"),
    path("live/ticket/", views.live_ticket, name="live-ticket"),
]
