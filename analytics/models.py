"""State of usage: the log of calls, its roll-ups, and how far ingestion has come.

Facts about calls outlive the rows they name and are written in bulk, so that no foreign key here is a constraint.
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models.functions import MD5

from apikeys.models import ApiKey
from organizations.models import Organization

# What charts show, so that they are drawn from the index alone.
_COVERED = [
    "calls",
    "allowed",
    "rate_limited",
    "quota_exceeded",
    "insufficient_credits",
    "denied",
    "units",
    "client_errors",
    "server_errors",
]


def _organization() -> "models.ForeignKey[Organization, Organization]":
    return models.ForeignKey(
        Organization,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )


def _api_key() -> "models.ForeignKey[ApiKey, ApiKey]":
    return models.ForeignKey(
        ApiKey, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )


class ApiUsageLog(models.Model):
    """One call. Partitioned by the day of `at` (UTC); in each partition a request id is unique.

    An `api_id` or `rule_id` of 0 says that no API or rule described the call. Status, latency and bytes are unknown until
    the proxy reports them. The table itself is made by the migration's SQL, its partitions by
    `analytics.services.partitions`.
    """

    request_id = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()
    organization = _organization()
    api_key = _api_key()
    api_id = models.BigIntegerField(default=0)
    rule_id = models.BigIntegerField(default=0)
    environment = models.CharField(max_length=4)
    method = models.CharField(max_length=16)
    path = models.CharField(max_length=512)
    route = models.CharField(max_length=200)
    outcome = models.CharField(max_length=32)
    units = models.BigIntegerField()
    address = models.GenericIPAddressField(null=True, blank=True)
    user_agent = models.CharField(max_length=200, blank=True)
    tags = models.JSONField(null=True, blank=True)
    status = models.PositiveSmallIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)
    bytes_in = models.BigIntegerField(null=True, blank=True)
    bytes_out = models.BigIntegerField(null=True, blank=True)

    class Meta:
        verbose_name = "call"
        indexes = [
            models.Index(fields=["organization", "at"], name="usagelog_by_organization_at"),
            models.Index(fields=["api_key", "at"], name="usagelog_by_api_key_at"),
            BrinIndex(fields=["at"], name="usagelog_by_at", pages_per_range=32),
        ]

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.outcome}"


class Rollup(models.Model):
    """Sums over calls. `latency` is the histogram of `analytics.histogram`, of reported calls only."""

    calls = models.BigIntegerField(db_default=0)
    allowed = models.BigIntegerField(db_default=0)
    rate_limited = models.BigIntegerField(db_default=0)
    quota_exceeded = models.BigIntegerField(db_default=0)
    insufficient_credits = models.BigIntegerField(db_default=0)
    denied = models.BigIntegerField(db_default=0)
    units = models.BigIntegerField(db_default=0)
    reported = models.BigIntegerField(db_default=0)
    client_errors = models.BigIntegerField(db_default=0)
    server_errors = models.BigIntegerField(db_default=0)
    bytes_in = models.BigIntegerField(db_default=0)
    bytes_out = models.BigIntegerField(db_default=0)
    latency = ArrayField(models.BigIntegerField(), db_default=[])

    class Meta:
        abstract = True


class HourlyUsage(Rollup):
    """What an organization used in one hour (UTC)."""

    organization = _organization()
    hour = models.DateTimeField()

    class Meta:
        verbose_name = "hour of an organization"
        verbose_name_plural = "hours of organizations"
        constraints = [
            models.UniqueConstraint(
                name="hourlyusage_unique", fields=["organization", "hour"], include=_COVERED
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.hour:%Y-%m-%d %H}h: {self.calls}"


class HourlyKeyUsage(Rollup):
    """What one key used in one hour (UTC)."""

    organization = _organization()
    api_key = _api_key()
    hour = models.DateTimeField()

    class Meta:
        verbose_name = "hour of a key"
        verbose_name_plural = "hours of keys"
        constraints = [
            models.UniqueConstraint(
                name="hourlykeyusage_unique",
                fields=["organization", "api_key", "hour"],
                include=_COVERED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.api_key_id} {self.hour:%Y-%m-%d %H}h: {self.calls}"


class DailyRouteUsage(Rollup):
    """What an organization used of one route in one day (UTC)."""

    organization = _organization()
    day = models.DateField()
    api_id = models.BigIntegerField(db_default=0)
    route = models.CharField(max_length=200)

    class Meta:
        verbose_name = "day of a route"
        verbose_name_plural = "days of routes"
        constraints = [
            models.UniqueConstraint(
                name="dailyrouteusage_unique",
                fields=["organization", "day", "api_id", "route"],
                include=_COVERED,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.day} {self.route}: {self.calls}"


class DailyUsage(Rollup):
    """What an organization used in one day (UTC)."""

    organization = _organization()
    day = models.DateField()

    class Meta:
        verbose_name = "day of an organization"
        verbose_name_plural = "days of organizations"
        constraints = [
            models.UniqueConstraint(
                name="dailyusage_unique", fields=["organization", "day"], include=_COVERED
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organization_id} {self.day}: {self.calls}"


class IngestCheckpoint(models.Model):
    """How far the usage stream has been read. Whoever writes to log or roll-ups holds this row's lock."""

    name = models.CharField(max_length=40, primary_key=True)
    last_id = models.CharField(max_length=40)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} through {self.last_id}"


class RejectedEvent(models.Model):
    """An event that could not be counted, kept whole until someone has looked at it."""

    stream_id = models.CharField(max_length=40)
    payload = models.TextField()
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint("stream_id", MD5("payload"), name="rejectedevent_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.stream_id}: {self.reason}"


class AccessLogPosition(models.Model):
    """How far one access log has been read. The head's digest tells a file from a later one with its inode."""

    path = models.CharField(max_length=400, primary_key=True)
    inode = models.BigIntegerField(db_default=0)
    offset = models.BigIntegerField(db_default=0)
    head = models.CharField(max_length=64, blank=True)
    updated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.path} through {self.offset}"


class WaitingReport(models.Model):
    """What the proxy reported of a call whose event has not been ingested yet."""

    request_id = models.CharField(max_length=64, primary_key=True)
    at = models.DateTimeField()
    status = models.PositiveSmallIntegerField()
    latency_ms = models.PositiveIntegerField()
    bytes_in = models.BigIntegerField()
    bytes_out = models.BigIntegerField()
    attempts = models.PositiveSmallIntegerField(db_default=0)
    retry_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["retry_at"], name="waitingreport_by_retry_at")]

    def __str__(self) -> str:
        return self.request_id
