"""State of conformance runs: probes sent to an endpoint, what each found, and the grade."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from organizations.models import Organization
from webhooks.models.endpoints import Webhook


class RunStatus(models.TextChoices):
    """Where a run stands."""

    QUEUED = "QUEUED", "Waiting"
    RUNNING = "RUNNING", "Running"
    FINISHED = "FINISHED", "Finished"
    FAILED = "FAILED", "Not finished"


class ConformanceRun(models.Model):
    """A row of probes to one endpoint. `results` grows by one entry per probe; the grade comes with the last.

    Whoever runs it holds a lease; a run whose lease is over is begun again, a few times.
    """

    organization = models.ForeignKey(
        Organization, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    webhook = models.ForeignKey(
        Webhook, on_delete=models.CASCADE, related_name="conformance_runs", db_index=False
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    status = models.CharField(max_length=8, choices=RunStatus, default=RunStatus.QUEUED)
    url = models.CharField(max_length=2048)
    probes_total = models.PositiveSmallIntegerField()
    results = models.JSONField(default=list)
    score = models.PositiveSmallIntegerField(null=True, blank=True)
    grade = models.CharField(max_length=1, blank=True, default="")
    starts = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    completed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="conformancerun_one_open",
                fields=["webhook"],
                condition=Q(status__in=["QUEUED", "RUNNING"]),
            ),
            models.CheckConstraint(
                name="conformancerun_status_known", condition=Q(status__in=RunStatus.values)
            ),
            models.CheckConstraint(
                name="conformancerun_graded_when_finished",
                condition=Q(status="FINISHED", grade__in=[*"ABCDF"], score__isnull=False)
                & Q(score__lte=100)
                | (~Q(status="FINISHED") & Q(grade="", score=None)),
            ),
            models.CheckConstraint(
                name="conformancerun_completed_when_over",
                condition=Q(status__in=["QUEUED", "RUNNING"], completed_at=None)
                | Q(status__in=["FINISHED", "FAILED"], completed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                F("webhook"),
                F("created_at").desc(),
                F("id").desc(),
                name="conformancerun_by_webhook_at",
            ),
            models.Index(
                F("organization"),
                F("created_at").desc(),
                F("id").desc(),
                name="conformancerun_by_org_at",
            ),
            models.Index(
                fields=["id"],
                name="conformancerun_open",
                condition=Q(status__in=["QUEUED", "RUNNING"]),
            ),
        ]

    def __str__(self) -> str:
        return f"conformance run {self.pk} of webhook {self.webhook_id}"

    @property
    def is_open(self) -> bool:
        """Whether probes are still to come."""
        return self.status in {RunStatus.QUEUED, RunStatus.RUNNING}

    @property
    def probes_done(self) -> int:
        """How many probes have a result."""
        return len(self.results)
