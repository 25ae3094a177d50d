"""API paths of webhooks, relative to the version."""

from django.urls import path

from webhooks.api import conformance, deliveries, endpoints, feed

_ONE = "webhooks/<int:webhook_id>"
_DELIVERY = f"{_ONE}/deliveries/<int:delivery_id>"

urlpatterns = [
    path("webhooks", endpoints.WebhookListView.as_view(), name="webhooks"),
    path("webhooks/event-types", feed.EventTypesView.as_view(), name="event-types"),
    path("webhooks/messages", feed.FeedView.as_view(), name="messages"),
    path(
        "webhooks/messages/acknowledge",
        feed.AcknowledgeFeedView.as_view(),
        name="messages-acknowledge",
    ),
    path(_ONE, endpoints.WebhookView.as_view(), name="webhook"),
    path(f"{_ONE}/rotate-secret", endpoints.RotateSecretView.as_view(), name="webhook-rotate"),
    path(f"{_ONE}/enable", endpoints.EnableView.as_view(), name="webhook-enable"),
    path(f"{_ONE}/disable", endpoints.DisableView.as_view(), name="webhook-disable"),
    path(f"{_ONE}/test", endpoints.TestEventView.as_view(), name="webhook-test"),
    path(f"{_ONE}/recover", deliveries.RecoverView.as_view(), name="webhook-recover"),
    path(f"{_ONE}/replay-missing", deliveries.ReplayMissingView.as_view(), name="webhook-replay"),
    path(f"{_ONE}/stats", deliveries.StatsView.as_view(), name="webhook-stats"),
    path(f"{_ONE}/why", deliveries.WhyView.as_view(), name="webhook-why"),
    path(
        f"{_ONE}/conformance", conformance.ConformanceRunListView.as_view(), name="conformance-runs"
    ),
    path(
        f"{_ONE}/conformance/<int:run_id>",
        conformance.ConformanceRunView.as_view(),
        name="conformance-run",
    ),
    path(f"{_ONE}/deliveries", deliveries.DeliveryListView.as_view(), name="deliveries"),
    path(_DELIVERY, deliveries.DeliveryView.as_view(), name="delivery"),
    path(f"{_DELIVERY}/resend", deliveries.ResendView.as_view(), name="delivery-resend"),
]
