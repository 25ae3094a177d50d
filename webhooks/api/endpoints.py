"""Endpoints over REST. Each view reads the request, makes one call into the domain and answers."""

from datetime import timedelta
from typing import ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from config.common.listing import Listing, Showing
from organizations.roles import Permission
from webhooks import selectors
from webhooks.api import examples
from webhooks.api.base import ONCE, READ, WRITE, WebhookScoped
from webhooks.api.delivery_serializers import DeliverySerializer
from webhooks.api.serializers import (
    CreateWebhookSerializer,
    ListWebhooksSerializer,
    RotateWebhookSecretSerializer,
    TestEventSerializer,
    UpdateWebhookSerializer,
    WebhookSecretSerializer,
    WebhookSerializer,
    WebhookWithSecretSerializer,
)
from webhooks.selectors import lists
from webhooks.services import endpoints, testing


class WebhookListView(Listing, WebhookScoped):
    """The endpoints of the organization."""

    shape = WebhookSerializer
    filters = ListWebhooksSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="webhooks_list",
        summary="List webhooks",
        parameters=[ListWebhooksSerializer],
        responses=WebhookSerializer(many=True),
        examples=[examples.WEBHOOK],
    )
    def get(self, request: Request) -> Response:
        """List the organization's endpoints, newest first."""
        filters = self.asked()
        return self.listed(lists.found(self.rows(selectors.webhooks()), **filters))

    @extend_schema(
        operation_id="webhooks_create",
        summary="Create a webhook",
        request=CreateWebhookSerializer,
        responses={201: WebhookWithSecretSerializer, **examples.NO_ROOM},
        examples=[examples.NEW_WEBHOOK, examples.WEBHOOK_WITH_SECRET],
    )
    def post(self, request: Request) -> Response:
        """Add an endpoint and return its secret, which is shown this once.

        The URL's addresses are looked up and checked; private and local ones are refused.
        """
        body = self.sent(CreateWebhookSerializer)
        webhook, secret = endpoints.create_webhook(
            organization=self.tenant.organization,
            created_by=self.tenant.user,
            settings=body.settings(),
        )
        webhook.secret = secret  # type: ignore[attr-defined]
        return Response(WebhookWithSecretSerializer(webhook).data, status=201, headers=ONCE)


class WebhookView(Showing, WebhookScoped):
    """One endpoint."""

    shape = WebhookSerializer
    # How it fares changes by itself, and is no reason to refuse a change of what it is told.
    volatile_members = frozenset(
        {
            "status",
            "failing_since",
            "failures_in_a_row",
            "circuit_open_until",
            "last_success_at",
            "last_failure_at",
            "updated_at",
        }
    )
    permissions_by_method: ClassVar[dict[str, Permission]] = {
        "GET": READ,
        "PATCH": WRITE,
        "DELETE": WRITE,
    }

    @extend_schema(
        operation_id="webhooks_retrieve",
        summary="Read a webhook",
        responses=WebhookSerializer,
        examples=[examples.WEBHOOK],
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """Return one endpoint and how it fares."""
        return self.shown(lambda: self.webhook(webhook_id))

    @extend_schema(
        operation_id="webhooks_update",
        summary="Change a webhook",
        request=UpdateWebhookSerializer,
        responses=WebhookSerializer,
        examples=[examples.CHANGES, examples.WEBHOOK],
    )
    def patch(self, request: Request, webhook_id: int) -> Response:
        """Change what is sent. What waits for the endpoint already goes to the new URL."""
        webhook = self.webhook(webhook_id)
        body = self.sent(UpdateWebhookSerializer)
        changed = endpoints.update_webhook(
            webhook=webhook, settings=body.settings(), by=self.tenant.user
        )
        return Response(WebhookSerializer(changed).data)

    @extend_schema(
        operation_id="webhooks_delete", summary="Delete a webhook", responses={204: None}
    )
    def delete(self, request: Request, webhook_id: int) -> Response:
        """Remove an endpoint for good, with its secrets and its delivery log."""
        endpoints.delete_webhook(webhook=self.webhook(webhook_id), by=self.tenant.user)
        return Response(status=204)


class RotateSecretView(WebhookScoped):
    """A new secret for an endpoint."""

    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_rotate_secret",
        summary="Rotate a webhook's secret",
        request=RotateWebhookSecretSerializer,
        responses=WebhookSecretSerializer,
        examples=[examples.ROTATION, examples.SECRET],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Give the endpoint a new secret and return it, this once.

        During the overlap every delivery carries a signature by the new and by the former secrets, so that receivers
        can change over without a gap. It lasts a day unless you say otherwise, seven days at most; 0 ends it at once.
        """
        webhook = self.webhook(webhook_id)
        overlap = self.body(RotateWebhookSecretSerializer)["overlap_seconds"]
        at = timezone.now()
        secret = endpoints.rotate_secret(
            webhook=webhook, at=at, overlap_seconds=overlap, by=self.tenant.user
        )
        answer = {"secret": secret, "previous_expires_at": at + timedelta(seconds=overlap)}
        return Response(WebhookSecretSerializer(answer).data, headers=ONCE)


class EnableView(WebhookScoped):
    """Telling an endpoint of events again."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_enable",
        summary="Enable a webhook",
        request=None,
        responses={200: WebhookSerializer, **examples.BY_STAFF},
        examples=[examples.WEBHOOK],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Tell an endpoint of events from now on. What it missed is sent when you ask for it: recover, replay missing."""
        webhook = endpoints.enable_webhook(webhook=self.webhook(webhook_id), by=self.tenant.user)
        return Response(WebhookSerializer(webhook).data)


class DisableView(WebhookScoped):
    """Telling an endpoint nothing."""

    bodyless_methods = frozenset({"POST"})
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_disable",
        summary="Disable a webhook",
        request=None,
        responses=WebhookSerializer,
        examples=[examples.DISABLED],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Stop telling an endpoint; what waits for it is canceled and can be recovered later."""
        webhook = endpoints.disable_webhook(
            webhook=self.webhook(webhook_id), at=timezone.now(), by=self.tenant.user
        )
        return Response(WebhookSerializer(webhook).data)


class TestEventView(WebhookScoped):
    """A test event for an endpoint."""

    # The name says what it is; pytest is not to look for tests in it.
    __test__ = False
    permissions_by_method: ClassVar[dict[str, Permission]] = {"POST": WRITE}

    @extend_schema(
        operation_id="webhooks_test",
        summary="Send a test event",
        request=TestEventSerializer,
        responses={202: DeliverySerializer, **examples.SWITCHED_OFF},
        examples=[examples.TEST_EVENT, examples.QUEUED],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send the catalogue's example of an event type to this endpoint alone, whatever it subscribed to.

        It is signed, retried and logged like any other delivery, which is what this answers with.
        """
        webhook = self.webhook(webhook_id)
        event_type = self.body(TestEventSerializer)["event_type"]
        delivery = testing.send_test(webhook=webhook, at=timezone.now(), event_type=event_type)
        return Response(DeliverySerializer(delivery).data, status=202)
