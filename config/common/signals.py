"""What the ground floor itself notices: addresses kept out or too hasty, and mail that staff sends again."""

from dataclasses import dataclass

from config.common.events import DomainEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressBlocked(DomainEvent):
    """Somebody outside the operators' networks asked for the back office or the metrics."""

    name = "security.address_blocked"
    summary = "address kept out of {door}"
    security_name = "authz_fail"
    is_counted = True

    door: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceExceeded(DomainEvent):
    """One address used a door faster than its limit allows."""

    name = "security.pace_exceeded"
    summary = "too many requests at {door}"
    security_name = "excess_rate_limit_exceeded"
    is_counted = True

    door: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRequeued(DomainEvent):
    """A message that had been given up is owed again."""

    name = "mail.requeued"
    summary = "mail {mail_id} ({kind}) to be sent again"
    target_type = "mail"
    is_change = True

    mail_id: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSwitched(DomainEvent):
    """Staff switched a periodic job off or on."""

    name = "job.switched"
    summary = "periodic job {job} switched, now on: {is_on}"
    target_type = "periodic_job"
    is_change = True

    periodic_job_id: int
    job: str
    is_on: bool
