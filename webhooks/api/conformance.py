"""Conformance runs over REST."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from config.common.expansion import Expanded
from config.common.fields import StrictSerializer
from config.common.listing import Listing, Showing
from organizations.roles import Permission
from webhooks import selectors
from webhooks.api import examples, related
from webhooks.api.base import READ, WRITE, WebhookScoped
from webhooks.models import ConformanceRun, RunStatus
from webhooks.services import conformance
from webhooks.services.probes import Verdict


class ProbeResultSerializer(StrictSerializer):
    """What one probe found."""

    code = serializers.CharField()
    title = serializers.CharField()
    verdict = serializers.ChoiceField([verdict.value for verdict in Verdict])
    detail = serializers.CharField()
    fix = serializers.CharField()
    status_code = serializers.IntegerField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)


class ConformanceRunSerializer(serializers.ModelSerializer[ConformanceRun]):
    """A run, how far it is, and in the end its grade."""

    webhook_id = serializers.IntegerField(read_only=True)
    status = serializers.ChoiceField(RunStatus.choices, read_only=True)
    probes_done = serializers.IntegerField(read_only=True)
    grade = serializers.SerializerMethodField()
    results = ProbeResultSerializer(many=True, read_only=True)
    expanded = Expanded(webhook=related.WEBHOOK)

    class Meta:
        model = ConformanceRun
        fields = (
            "id",
            "webhook_id",
            "url",
            "status",
            "probes_total",
            "probes_done",
            "score",
            "grade",
            "results",
            "created_at",
            "started_at",
            "completed_at",
            "expanded",
        )
        read_only_fields = fields

    def get_grade(self, run: ConformanceRun) -> str | None:
        """Return A to F; null until the run is finished."""
        return run.grade or None


class ConformanceRunListView(Listing, WebhookScoped):
    """The conformance runs of an endpoint."""

    bodyless_methods = frozenset({"POST"})
    shape = ConformanceRunSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ, "POST": WRITE}

    @extend_schema(
        operation_id="webhooks_conformance_list",
        summary="List conformance runs",
        responses=ConformanceRunSerializer(many=True),
        examples=[examples.RUN],
    )
    def get(self, request: Request, webhook_id: int) -> Response:
        """List the conformance runs of an endpoint, newest first."""
        webhook = self.webhook(webhook_id)
        return self.listed(self.rows(selectors.conformance_runs().filter(webhook=webhook)))

    @extend_schema(
        operation_id="webhooks_conformance_start",
        summary="Start a conformance run",
        request=None,
        responses={202: ConformanceRunSerializer, **examples.NO_RUN},
        examples=[examples.QUEUED_RUN],
    )
    def post(self, request: Request, webhook_id: int) -> Response:
        """Send the endpoint a row of probes: correct events, duplicates, forgeries, replays, unknown types, large bodies.

        Nothing of it is in the delivery log. The events are examples of `webhook.created` whose ids begin with
        `msg_conformance_`. Poll the run until its status is `FINISHED`.
        """
        run: Any = conformance.request_run(
            webhook=self.webhook(webhook_id), requested_by=self.tenant.user, at=timezone.now()
        )
        return Response(ConformanceRunSerializer(run).data, status=202)


class ConformanceRunView(Showing, WebhookScoped):
    """One conformance run."""

    shape = ConformanceRunSerializer
    permissions_by_method: ClassVar[dict[str, Permission]] = {"GET": READ}

    @extend_schema(
        operation_id="webhooks_conformance_retrieve",
        summary="Read a conformance run",
        responses=ConformanceRunSerializer,
        examples=[examples.RUN],
    )
    def get(self, request: Request, webhook_id: int, run_id: int) -> Response:
        """Return a run with what each probe found so far, and what to fix."""
        of_one = selectors.conformance_runs().filter(webhook_id=webhook_id)
        return self.shown(lambda: self.row(of_one, pk=run_id))
