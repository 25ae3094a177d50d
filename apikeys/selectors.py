"""Questions about keys: lists and their filters, what a key used, whether its first call has come."""

import json
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import (
    DateTimeField,
    ExpressionWrapper,
    F,
    Q,
    QuerySet,
    Sum,
    Value,
)
from django.db.models.functions import Least
from django.db.models.lookups import LessThanOrEqual

from accounts.models import User
from apikeys.gateway import blocking
from apikeys.models import Api, ApiKey, KeyActivity, KeyUsage, RouteRule, Secret, ServiceKey
from apikeys.restrictions import QuotaPeriod, period_of
from billing import selectors as billing
from config.common.errors import Conflict, NotFound
from config.common.ids import id_in


class SeveralKeys(Conflict):
    """Several keys are meant; only an id tells them apart."""

    code = "several_keys"
    title = "Several keys are meant"
    fix = "Give the id of the one that you mean."


EXPIRING_WITHIN = timedelta(days=30)
STATUSES = ("active", "expiring", "disabled", "expired", "revoked", "outdated")


@dataclass(frozen=True, slots=True)
class KeyUse:
    """What one key used: calls that passed today and this month (UTC), and units of its own quota's period.

    Of its credits, in micro-units, what is left now; None when it needs none, or while Redis is away.
    """

    calls_today: int
    calls_month: int
    quota_limit: int | None
    quota_used: int
    credits_left_micro: int | None = None


@dataclass(frozen=True, slots=True)
class PresentedSecret:
    """What may be seen of one secret, when it ends by its own end or the key's, and whose it is."""

    prefix: str
    last4: str
    ends_at: datetime | None
    last_used_at: datetime | None
    organization_id: int
    organization_name: str


def keys() -> QuerySet[ApiKey]:
    """Return all keys with `last_used_at` and what `is_outdated` needs; whoever hands them out keeps one organization's."""
    return ApiKey.objects.annotate(  # type: ignore[no-redef]  # what is asked for here, the model has empty
        last_used_at=F("activity__last_used_at"),
        greatest_age_days=F("organization__max_key_age_days"),
    )


def outdated(at: datetime) -> Q:
    """Return what is true of a key that could pass, and is older than its organization's security policy allows."""
    greatest = F("organization__max_key_age_days") * Value(timedelta(days=1))
    ends_at = ExpressionWrapper(F("created_at") + greatest, output_field=DateTimeField())
    is_alive = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=at))
    return is_alive & Q(LessThanOrEqual(ends_at, Value(at)))


def with_status(rows: QuerySet[ApiKey], status: str, *, at: datetime) -> QuerySet[ApiKey]:
    """Keep the keys in one of STATUSES.

    `expiring` keys are active ones that end within 30 days, `outdated` ones are older than the security policy allows.
    """
    if status == "outdated":
        return rows.filter(outdated(at))
    if status == "revoked":
        return rows.filter(revoked_at__isnull=False)
    rows = rows.filter(revoked_at__isnull=True)
    if status == "expired":
        return rows.filter(expires_at__lte=at)
    rows = rows.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=at))
    if status == "disabled":
        return rows.filter(disabled_at__isnull=False)
    rows = rows.filter(disabled_at__isnull=True)
    return rows.filter(expires_at__lte=at + EXPIRING_WITHIN) if status == "expiring" else rows


def matching(rows: QuerySet[ApiKey], text: str) -> QuerySet[ApiKey]:
    """Keep the keys whose name or prefix contains the text, or whose last characters it is."""
    return rows.filter(Q(name__icontains=text) | Q(prefix__contains=text) | Q(last4=text))


def use_of(key: ApiKey, *, at: datetime) -> KeyUse:
    """Return what a key used, as far as ingestion has come, and what is left of its credits."""
    today, _ = period_of(QuotaPeriod.DAY, at)
    month, _ = period_of(QuotaPeriod.MONTH, at)
    quota = _quota_start(key, at)
    totals = KeyUsage.objects.filter(api_key=key, hour__gte=min(month, quota or month)).aggregate(
        today=Sum("calls", filter=Q(hour__gte=today), default=0),
        month=Sum("calls", filter=Q(hour__gte=month), default=0),
        quota=Sum("units", filter=Q(hour__gte=quota or at), default=0),
    )
    return KeyUse(
        calls_today=totals["today"],
        calls_month=totals["month"],
        quota_limit=key.quota_limit,
        quota_used=totals["quota"] if quota else 0,
        credits_left_micro=None if key.credits_micro is None else blocking.credits_left(key.pk),
    )


def _quota_start(key: ApiKey, at: datetime) -> datetime | None:
    if key.quota_limit is None:
        return None
    period = QuotaPeriod(key.quota_period)
    anchor = None
    if period is QuotaPeriod.BILLING:
        anchor = billing.subscription_of(key.organization).anchor_at
    start, _ = period_of(period, at, anchor)
    return start  # Units are kept per hour: the one in which a period begins counts for the period before it.


def counted_statuses(rules: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[str]]:
    """Return which outcomes count, of those rules with which not every outcome does.

    A rule is named by its API's id and its own, which is 0 for the API's default rule.
    """
    wanted = set(rules)
    choosy = RouteRule.objects.exclude(counted_statuses=[]).filter(
        pk__in={rule_id for _, rule_id in wanted}
    )
    lenient = Api.objects.exclude(default_counted_statuses=[]).filter(
        pk__in={api_id for api_id, rule_id in wanted if not rule_id}
    )
    found = {
        (api_id, pk): statuses
        for api_id, pk, statuses in choosy.values_list("api_id", "pk", "counted_statuses")
    }
    return found | {
        (pk, 0): statuses for pk, statuses in lenient.values_list("pk", "default_counted_statuses")
    }


def activity_of(key: ApiKey) -> KeyActivity | None:
    """Return when a key was first and last used; None before its first call has been seen."""
    return KeyActivity.objects.filter(api_key=key).first()


def presented(secret_id: int) -> PresentedSecret:
    """Return what the caller may be told of the customer's secret it presents."""
    row = (
        Secret.objects.annotate(
            # PostgreSQL's LEAST passes over NULL.
            ends_at=Least("expires_at", "api_key__expires_at"),
            last_used_at=F("api_key__activity__last_used_at"),
            organization_id=F("api_key__organization_id"),
            organization_name=F("api_key__organization__name"),
        )
        .values(
            "prefix", "last4", "ends_at", "last_used_at", "organization_id", "organization_name"
        )
        .get(pk=secret_id)
    )
    return PresentedSecret(**row)


def example_calls(secret: str) -> list[dict[str, str]]:
    """Return a first call with this secret in three languages, as texts to paste."""
    url = _example_url()
    header = f"Authorization: Bearer {secret}"
    python = (
        "import urllib.request\n\n"
        f"request = urllib.request.Request({json.dumps(url)})\n"
        f'request.add_header("Authorization", "Bearer {secret}")\n'
        "with urllib.request.urlopen(request) as response:\n"
        "    print(response.status, response.read().decode())"
    )
    javascript = (
        f"const response = await fetch({json.dumps(url)}, {{\n"
        f'  headers: {{ Authorization: "Bearer {secret}" }},\n'
        "});\n"
        "console.log(response.status, await response.text());"
    )
    return [
        {
            "language": "curl",
            "label": "curl",
            "code": f"curl -i {shlex.quote(url)} \\\n  -H {shlex.quote(header)}",
        },
        {"language": "python", "label": "Python", "code": python},
        {"language": "javascript", "label": "JavaScript", "code": javascript},
    ]


def _example_url() -> str:
    """Return where an example call goes: the demo API if there is one, else the oldest API that is switched on."""
    demo: str = settings.DEMO_API_URL
    if demo:
        return demo
    base = (
        Api.objects.filter(disabled_at__isnull=True)
        .order_by("id")
        .values_list("base_path", flat=True)
    )
    return f"{settings.PUBLIC_URL}{base.first() or '/'}"


def key_called(text: str) -> ApiKey:
    """Return the key that an operator means by an id or by a prefix, with its organization.

    Raises NotFound, and SeveralKeys where several have the prefix.
    """
    pk = id_in(text)
    by_text = Q(prefix=text) if pk is None else Q(pk=pk)
    found = list(ApiKey.objects.select_related("organization").filter(by_text).order_by("id"))
    if not found:
        raise NotFound(f"There is no key {text}.")
    if len(found) > 1:
        ids = ", ".join(str(key.pk) for key in found)
        raise SeveralKeys(f"Several keys have this prefix; name one by its id: {ids}.")
    return found[0]


def service_key_called(name: str) -> ServiceKey:
    """Return the service key with this name, for operators. Raises NotFound."""
    found = ServiceKey.objects.filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no service key called {name}.")
    return found


def filtered(
    rows: QuerySet[ApiKey],
    *,
    at: datetime,
    environment: str = "",
    status: str = "",
    external_id: str = "",
    q: str = "",
) -> QuerySet[ApiKey]:
    """Apply the filters that are given."""
    if environment:
        rows = rows.filter(environment=environment)
    if external_id:
        rows = rows.filter(external_id=external_id)
    if status:
        rows = with_status(rows, status, at=at)
    return matching(rows, q) if q else rows


_TAKEN_ALONG = (
    "id", "organization_id", "name", "description", "environment", "prefix", "last4", "scopes", "expires_at",
    "disabled_at", "revoked_at", "created_at",
)  # fmt: skip


def personal_data_of(user: User) -> Iterator[dict[str, Any]]:
    """Yield the keys that a person made."""
    yield from ApiKey.objects.filter(created_by_id=user.pk).order_by("pk").values(*_TAKEN_ALONG)
