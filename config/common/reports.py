"""Error reports to Sentry, when SENTRY_DSN is set: what failed and where, never with which values.

Nothing is collected by the library on its own: no request, no person, no local variables, no log lines. What is left,
the exception's type, text and code lines, passes the log's redaction before it leaves the process.
"""

import sys
from typing import Any

from django.conf import settings
from django.core.signals import got_request_exception

from config.common import context, logs, problems


def start() -> None:
    """Begin to report. The library costs 0.2 s at start, so it is loaded only where it is used."""
    if not settings.SENTRY_DSN:
        return
    import sentry_sdk  # noqa: PLC0415
    from sentry_sdk.integrations.atexit import AtexitIntegration  # noqa: PLC0415
    from sentry_sdk.integrations.dedupe import DedupeIntegration  # noqa: PLC0415

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        environment=settings.SENTRY_ENVIRONMENT,
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[
            AtexitIntegration(callback=lambda _pending, _timeout: None),
            DedupeIntegration(),
        ],
        before_send=_scrubbed,
        include_local_variables=False,
        max_breadcrumbs=0,
        max_request_body_size="never",
        send_client_reports=False,
        send_default_pii=False,
    )
    # What a middleware raised, which no view or handler of ours sees.
    got_request_exception.connect(_on_request_exception, dispatch_uid="reports")


def capture(exception: BaseException) -> None:
    """Report a defect of ours, with the request's id and who acted; refusals and outages are none."""
    if not settings.SENTRY_DSN or problems.as_domain_error(exception) is not None:
        return
    import sentry_sdk  # noqa: PLC0415

    now = context.current()
    with sentry_sdk.new_scope() as scope:
        scope.set_tags({"request_id": now.request_id, "actor": f"{now.actor.type}:{now.actor.id}"})
        scope.capture_exception(exception)


def _on_request_exception(**_: Any) -> None:
    exception = sys.exc_info()[1]
    if exception is not None:
        capture(exception)


def _scrubbed(event: Any, _hint: dict[str, Any]) -> Any:
    for part in ("request", "user", "breadcrumbs", "extra", "modules"):
        event.pop(part, None)
    return logs.redact(event)
