"""Fifty rows and more for every list of the API, made in bulk; every second one has what may be missing."""

import secrets
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.models import Broadcast, DataExport, Device, Notice, Passkey, Session, User
from accounts.services import profile
from apikeys.models import ApiKey, KeyActivity
from audit.models import SecurityEvent
from config.common import context
from config.common.context import Actor, Context
from organizations.models import (
    CustomRole,
    ObjectGrant,
    Organization,
    OrganizationInvitation,
    OrganizationMember,
)
from organizations.services import organizations
from tests.api.world import World
from webhooks.models import (
    ConformanceRun,
    Outcome,
    RunStatus,
    Status,
    Trigger,
    Webhook,
    WebhookDelivery,
    WebhookMessage,
)

COUNT = 50
_AWKWARD = '"Naïve" \u2028 \\ 日本 </script>'


def _numbered() -> Iterator[tuple[int, bool, datetime]]:
    """Yield numbers, whether the row has what may be missing, and times, some of whole seconds and some the same."""
    begun = timezone.now() - timedelta(hours=1)
    for number in range(COUNT):
        at = begun + timedelta(seconds=number // 2)
        yield number, number % 2 == 1, at.replace(microsecond=0) if number % 3 else at


def _people() -> list[User]:
    tag = secrets.token_hex(4)
    return User.objects.bulk_create(
        User(email=f"{tag}-{number}@example.com", full_name=_AWKWARD if full else "", password="!")
        for number, full, _ in _numbered()
    )


def _roles(world: World) -> list[CustomRole]:
    tag = secrets.token_hex(4)
    return CustomRole.objects.bulk_create(
        CustomRole(
            organization=world.mine,
            name=f"{tag} {number}",
            description=_AWKWARD if full else "",
            permissions=["usage:read", "keys:read"] if full else ["organization:read"],
        )
        for number, full, _ in _numbered()
    )


def keys(world: World) -> None:
    """Make keys with and without limits, ends and use."""
    made = ApiKey.objects.bulk_create(
        ApiKey(
            organization=world.mine,
            created_by=world.people["owner"] if full else world.people["stranger"],
            name=f"{_AWKWARD} {number}",
            environment="live" if full else "test",
            prefix="tg_live_abcd",
            last4=f"{number:04}",
            scopes=["orders:read", "*"] if full else [],
            rate_limit=5 if full else None,
            rate_per_seconds=60 if full else None,
            rate_burst=9 if full else None,
            quota_limit=1000 if full else None,
            quota_period="month" if full else "",
            credits_micro=1_500_000 * number if full else None,
            metadata={"a": [1, 2.5, None, {"b": True}]} if full else {},
            expires_at=at + timedelta(days=number - 20) if full else None,
            disabled_at=at if number % 5 == 0 else None,
            revoked_at=at if number % 7 == 0 else None,
        )
        for number, full, at in _numbered()
    )
    KeyActivity.objects.bulk_create(
        KeyActivity(api_key=key, first_used_at=key.created_at, last_used_at=key.created_at)
        for key in made[::2]
    )


def my_organizations(world: World) -> None:
    """Make the owner an owner of further organizations."""
    tag = secrets.token_hex(4)
    made = Organization.objects.bulk_create(
        Organization(name=f"{_AWKWARD} {number}", slug=f"{tag}-{number}")
        for number, _, _ in _numbered()
    )
    owner = world.people["owner"]
    OrganizationMember.objects.bulk_create(
        OrganizationMember(organization=one, user=owner, role="OWNER") for one in made
    )


def team(world: World) -> None:
    """Make members with built-in roles and with their own."""
    OrganizationMember.objects.bulk_create(
        OrganizationMember(
            organization=world.mine,
            user=person,
            role="VIEWER" if number % 2 else "ADMIN",
            custom_role=role if number % 2 else None,
        )
        for number, (person, role) in enumerate(zip(_people(), _roles(world), strict=True))
    )


def _invitation(number: int, at: datetime, **values: Any) -> OrganizationInvitation:
    is_open = number % 4 != 0
    return OrganizationInvitation(
        digest=secrets.token_bytes(32),
        sent_times=[at],
        expires_at=at + timedelta(days=7),
        status="PENDING" if is_open else "REVOKED",
        closed_at=None if is_open else at,
        **values,
    )


def invitations(world: World) -> None:
    """Make invitations by people who are there and who are not, as built-in roles and as own ones."""
    tag, roles = secrets.token_hex(4), _roles(world)
    OrganizationInvitation.objects.bulk_create(
        _invitation(
            number,
            at,
            organization=world.mine,
            email=f"{tag}-{number}@example.com",
            invited_by=world.people["admin"] if full else None,
            role="VIEWER" if full else "MEMBER",
            custom_role=roles[number] if full else None,
        )
        for number, full, at in _numbered()
    )


def my_invitations(world: World) -> None:
    """Invite the owner to other organizations."""
    owner, tag = world.people["owner"], secrets.token_hex(4)
    made = Organization.objects.bulk_create(
        Organization(name=f"Elsewhere {number}", slug=f"{tag}-{number}", personal_of=None)
        for number, _, _ in _numbered()
    )
    people = _people()
    OrganizationMember.objects.bulk_create(
        OrganizationMember(organization=one, user=person, role="OWNER")
        for one, person in zip(made, people, strict=True)
    )
    OrganizationInvitation.objects.bulk_create(
        _invitation(number, at, organization=made[number], email=owner.email, role="MEMBER")
        for number, _, at in _numbered()
    )


def roles(world: World) -> None:
    """Make roles that nobody and that somebody holds."""
    made, people = _roles(world), _people()
    OrganizationMember.objects.bulk_create(
        OrganizationMember(
            organization=world.mine, user=people[number], role="VIEWER", custom_role=made[number]
        )
        for number, full, _ in _numbered()
        if full
    )


def grants(world: World) -> None:
    """Give people something on the organization."""
    members = OrganizationMember.objects.bulk_create(
        OrganizationMember(organization=world.mine, user=person, role="VIEWER")
        for person in _people()
    )
    given = ObjectGrant.objects.get(pk=world.of_organizations["mine"]["grant_id"])
    ObjectGrant.objects.bulk_create(
        ObjectGrant(
            organization=world.mine,
            member=member,
            user_id=member.user_id,
            permission_id=given.permission_id,
            content_type_id=given.content_type_id,
            object_pk=given.object_pk,
        )
        for member in members
    )


def sessions(world: World) -> None:
    """Sign the owner in again and again, on known devices and on others."""
    known = _devices(world)
    Session.objects.bulk_create(
        Session(
            user=world.people["owner"],
            kind="API" if full else "PORTAL",
            device=known[number] if full else None,
            ip="203.0.113.7" if full else None,
            user_agent=_AWKWARD if full else "",
            authenticated_at=at,
            second_factor_at=at if full else None,
            rotated_at=at,
            last_used_at=at,
            expires_at=at + timedelta(days=14),
        )
        for number, full, at in _numbered()
    )


def _devices(world: World) -> list[Device]:
    return Device.objects.bulk_create(
        Device(
            user=world.people["owner"],
            digest=secrets.token_bytes(32),
            ip="2001:db8::7" if full else None,
            user_agent=_AWKWARD if full else "",
            last_used_at=at,
            trusted_until=at if full else None,
        )
        for _, full, at in _numbered()
    )


def devices(world: World) -> None:
    """Make the owner known on many devices."""
    _devices(world)


def passkeys(world: World) -> None:
    """Give the owner passkeys."""
    Passkey.objects.bulk_create(
        Passkey(
            user=world.people["owner"],
            name=f"{_AWKWARD} {number}",
            credential_id=secrets.token_bytes(16),
            public_key=b"nobody's",
            aaguid=UUID(int=0),
            transports=["usb", "nfc"] if full else [],
            is_synced=full,
            last_used_at=at if full else None,
        )
        for number, full, at in _numbered()
    )


def entries(world: World) -> None:
    """Let the organization be changed by its owner, by staff and by a job."""
    actors = (Actor("staff", 1, "Sam"), Actor("user", world.people["owner"].pk), Actor("job"))
    for number, full, _ in _numbered():
        with context.use(Context(actor=actors[number % 3], ip="203.0.113.7")):
            organizations.update_organization(
                organization=world.mine, changes={"metadata": {"at": [number, _AWKWARD, full]}}
            )


def activity(world: World) -> None:
    """Let the owner change something about themselves, and about the organization."""
    owner = world.people["owner"]
    with context.use(Context(actor=Actor("user", owner.pk), user_agent=_AWKWARD)):
        for number, full, _ in _numbered():
            if full:
                organizations.update_organization(
                    organization=world.mine, changes={"metadata": {"at": number}}
                )
            else:
                profile.update_profile(user=owner, changes={"full_name": f"Olivia {number}"})


def _events(acknowledged_by: User | None = None, **whose: Any) -> None:
    SecurityEvent.objects.bulk_create(
        SecurityEvent(
            severity="WARNING",
            fold=secrets.token_hex(8),
            ip="203.0.113.7" if full else None,
            user_agent=_AWKWARD if full else "",
            request_id=f"request-{number:04}" if full else "",
            data={"permission": "members:write", "user_id": 1} if full else {},
            last_seen_at=at,
            acknowledged_at=at if full and acknowledged_by else None,
            acknowledged_by_id=acknowledged_by.pk if full and acknowledged_by else None,
            **whose,
        )
        for number, full, at in _numbered()
    )


def events(world: World) -> None:
    """Let something concern the organization's security."""
    admin, owner = world.people["admin"], world.people["owner"]
    _events(owner, organization_id=world.mine.pk, user_id=admin.pk, name="authz_fail")


def my_events(world: World) -> None:
    """Let something concern the owner's account."""
    _events(user_id=world.people["owner"].pk, name="authn_login_fail")


def exports(world: World) -> None:
    """Let the owner have asked for copies."""
    DataExport.objects.bulk_create(
        DataExport(
            user=world.people["owner"],
            status="EXPIRED" if full else "FAILED",
            progress=number,
            expires_at=at if full else None,
        )
        for number, full, at in _numbered()
    )


def notices(world: World) -> None:
    """Tell the owner things."""
    Notice.objects.bulk_create(
        Notice(
            user=world.people["owner"],
            kind="broadcast.sent",
            title=f"{_AWKWARD} {number}",
            body=_AWKWARD if full else "",
            link="/keys/" if full else "",
            read_at=at if full else None,
        )
        for number, full, at in _numbered()
    )


def broadcasts(world: World) -> None:
    """Tell everybody things."""
    Broadcast.objects.bulk_create(
        Broadcast(
            title=f"{_AWKWARD} {number}",
            body="On Sunday.",
            created_by=world.people["owner"] if full else None,
            people_total=number,
            people_done=number // 2,
        )
        for number, full, _ in _numbered()
    )


def people(world: World) -> None:
    """Register people."""
    _people()


def webhooks(world: World) -> None:
    """Make endpoints that fare well, fail, and are switched off."""
    Webhook.objects.bulk_create(
        Webhook(
            organization=world.mine,
            created_by=world.people["owner"] if full else world.people["stranger"],
            url=f"http://127.0.0.1:8099/{number}",
            description=_AWKWARD if full else "",
            event_types=["invoice.*", "api_key.created"] if full else ["*"],
            filters=[{"path": "data.plan", "operator": "eq", "value": 2}] if full else [],
            disabled_at=at if number % 3 == 0 else None,
            disabled_reason="customer" if number % 3 == 0 else "",
            failing_since=at if number % 5 == 0 else None,
            last_success_at=at if full else None,
        )
        for number, full, at in _numbered()
    )


def runs(world: World) -> None:
    """Make conformance runs that failed and that are graded."""
    webhook = world.webhook.webhook
    found = {"code": "x", "title": _AWKWARD, "verdict": "passed", "detail": "", "fix": ""}
    ConformanceRun.objects.bulk_create(
        ConformanceRun(
            organization=world.mine,
            webhook=webhook,
            url=webhook.url,
            probes_total=15,
            status=RunStatus.FINISHED if full else RunStatus.FAILED,
            score=90 if full else None,
            grade="A" if full else "",
            results=[{**found, "status_code": None, "duration_ms": 3}] if full else [],
            started_at=at if full else None,
            completed_at=at,
        )
        for _, full, at in _numbered()
    )


def deliveries(world: World) -> None:
    """Send the endpoint messages, some of which arrived."""
    webhook = world.webhook.webhook
    tag = secrets.token_hex(8)
    owed = WebhookMessage.objects.bulk_create(
        WebhookMessage(
            message_id=f"msg_{tag}{number}",
            organization=world.mine,
            event_type="webhook.created",
            payload={"type": "webhook.created", "timestamp": at.isoformat(), "data": {"n": number}},
            is_test=full,
            occurred_at=at,
            fanned_out_at=at,
        )
        for number, full, at in _numbered()
    )
    WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            organization=world.mine,
            webhook=webhook,
            message=owed[number],
            trigger=Trigger.EVENT,
            status=Status.SUCCEEDED if full else Status.PENDING,
            attempts=number,
            last_attempt_at=at if full else None,
            last_outcome=Outcome.SUCCEEDED if full else "",
            last_status_code=204 if full else None,
            next_attempt_at=None if full else at,
            completed_at=at if full else None,
        )
        for number, full, at in _numbered()
    )


ROWS: dict[str, Callable[[World], None]] = {
    "admin_broadcasts_list": broadcasts,
    "admin_users_list": people,
    "api_keys_list": keys,
    "audit_log_list": entries,
    "auth_passkeys_list": passkeys,
    "invitations_list": my_invitations,
    "organizations_grants_list": grants,
    "organizations_invitations_list": invitations,
    "organizations_list": my_organizations,
    "organizations_members_list": team,
    "organizations_roles_list": roles,
    "security_events_list": events,
    "users_me_activity": activity,
    "users_me_devices": devices,
    "users_me_exports_list": exports,
    "users_me_notices_list": notices,
    "users_me_security_events": my_events,
    "users_me_sessions": sessions,
    "webhooks_conformance_list": runs,
    "webhooks_deliveries_list": deliveries,
    "webhooks_list": webhooks,
}
