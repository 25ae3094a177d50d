"""WebSocket routes."""

# mypy: disallow-untyped-calls=False
# Channels ships no types.

from django.urls import path

from analytics.consumers import LiveUsageConsumer

websocket_urlpatterns = [path("ws/live", LiveUsageConsumer.as_asgi())]
