"""Page paths of webhooks."""

from django.urls import path

from webhooks.views import conformance, deliveries, endpoints, public

app_name = "webhooks"

_ONE = "webhooks/<int:pk>"
_DELIVERY = f"{_ONE}/deliveries/<int:delivery_pk>"

urlpatterns = [
    path("webhooks/", endpoints.webhook_list, name="webhook-list"),
    path("webhooks/create/", endpoints.webhook_create, name="webhook-create"),
    path(f"{_ONE}/", endpoints.webhook_detail, name="webhook-detail"),
    path(f"{_ONE}/edit/", endpoints.webhook_edit, name="webhook-edit"),
    path(f"{_ONE}/rotate/", endpoints.webhook_rotate, name="webhook-rotate"),
    path(f"{_ONE}/delete/", endpoints.webhook_delete, name="webhook-delete"),
    path(f"{_ONE}/switch/", endpoints.webhook_switch, name="webhook-switch"),
    path(f"{_ONE}/test/", endpoints.webhook_test, name="webhook-test"),
    path(f"{_ONE}/verify/", endpoints.webhook_verify, name="webhook-verify"),
    path(f"{_ONE}/send-again/", deliveries.send_again, name="send-again"),
    path(f"{_ONE}/why/", deliveries.why, name="why"),
    path(f"{_ONE}/conformance/", conformance.conformance_detail, name="conformance"),
    path(f"{_ONE}/conformance/start/", conformance.conformance_start, name="conformance-start"),
    path(
        f"{_ONE}/conformance/<int:run_pk>/",
        conformance.conformance_detail,
        name="conformance-run",
    ),
    path(f"{_DELIVERY}/", deliveries.delivery_detail, name="delivery-detail"),
    path(f"{_DELIVERY}/resend/", deliveries.delivery_resend, name="delivery-resend"),
    path(".well-known/webhooks-jwks.json", public.jwks, name="jwks"),
    path("docs/events/", public.event_list, name="event-list"),
    path("docs/events/<str:name>", public.event_detail, name="event-detail"),
]
