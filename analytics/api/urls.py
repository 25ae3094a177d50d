"""API paths of usage, relative to `analytics/`, and the one that stands among the keys' paths."""

from django.urls import path

from analytics.api import views

urlpatterns = [
    path("usage", views.UsageView.as_view(), name="usage"),
    path("real-time", views.RealTimeView.as_view(), name="real-time"),
]
key_usage_urlpatterns = [
    path("api-keys/<int:pk>/usage", views.KeyUsageView.as_view(), name="api-key-usage"),
]
