"""Pages of conformance runs: starting one, watching it, and what to fix."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from config.common import polling
from config.common.errors import DomainError
from organizations import access
from organizations.permissions import member_required, tenant_of_page
from webhooks import selectors
from webhooks.models import ConformanceRun, Webhook
from webhooks.services import conformance, probes
from webhooks.views.base import READ, WRITE, may_write, webhook_of


@require_safe
@member_required(READ, on=Webhook)
def conformance_detail(request: HttpRequest, pk: int, run_pk: int | None = None) -> HttpResponse:
    """Show a run of an endpoint, the latest one unless another is asked for, and those before."""
    webhook, tenant = webhook_of(request, pk), tenant_of_page(request)
    runs = access.rows_of(tenant, selectors.conformance_runs().filter(webhook=webhook))
    latest = list(runs.order_by("-created_at", "-id")[:10])
    run: ConformanceRun | None = latest[0] if latest else None
    if run_pk is not None:
        run = access.row_of(tenant, selectors.conformance_runs().filter(webhook=webhook), pk=run_pk)
    context = {
        "webhook": webhook,
        "run": run,
        "poll_seconds": run
        and polling.interval(run.created_at, run.leased_until, at=timezone.now()),
        "failed": _with(run, probes.Verdict.FAILED),
        "passed": _with(run, probes.Verdict.PASSED),
        "skipped": _with(run, probes.Verdict.SKIPPED),
        "runs": latest,
        "probes": probes.PROBES,
        "can_write": may_write(request, webhook),
    }
    return render(request, "webhooks/conformance.html", context)


@require_POST
@member_required(WRITE, on=Webhook)
def conformance_start(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue a run and go to it."""
    webhook = webhook_of(request, pk)
    try:
        conformance.request_run(
            webhook=webhook, requested_by=tenant_of_page(request).user, at=timezone.now()
        )
    except DomainError as error:
        messages.error(request, error.told())
    return redirect("webhooks:conformance", pk=pk)


def _with(run: ConformanceRun | None, verdict: probes.Verdict) -> list[dict[str, object]]:
    if run is None:
        return []
    return [row for row in run.results if row["verdict"] == verdict]
