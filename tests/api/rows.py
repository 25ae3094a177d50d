"""Fifty rows and more for every list of the API, made in bulk; every second one has what may be missing."""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

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
from tests.api import rows_of_webhooks
from tests.api.numbered import AWKWARD, numbered
from tests.api.world import World


def _people() -> list[User]:
    tag = secrets.token_hex(4)
    return User.objects.bulk_create(
        User(email=f"{tag}-{number}@example.com", full_name=AWKWARD if full else "", password="!")
        for number, full, _ in numbered()
    )


def _roles(world: World) -> list[CustomRole]:
    tag = secrets.token_hex(4)
    return CustomRole.objects.bulk_create(
        CustomRole(
            organization=world.mine,
            name=f"{tag} {number}",
            description=AWKWARD if full else "",
            permissions=["usage:read", "keys:read"] if full else ["organization:read"],
        )
        for number, full, _ in numbered()
    )


def keys(world: World) -> None:
    """Make keys with and without limits, ends and use."""
    made = ApiKey.objects.bulk_create(
        ApiKey(
            organization=world.mine,
            created_by=world.people["owner"] if full else world.people["stranger"],
            name=f"{AWKWARD} {number}",
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
        for number, full, at in numbered()
    )
    KeyActivity.objects.bulk_create(
        KeyActivity(api_key=key, first_used_at=key.created_at, last_used_at=key.created_at)
        for key in made[::2]
    )


def my_organizations(world: World) -> None:
    """Make the owner an owner of further organizations."""
    tag = secrets.token_hex(4)
    made = Organization.objects.bulk_create(
        Organization(name=f"{AWKWARD} {number}", slug=f"{tag}-{number}")
        for number, _, _ in numbered()
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
        for number, full, at in numbered()
    )


def my_invitations(world: World) -> None:
    """Invite the owner to other organizations."""
    owner, tag = world.people["owner"], secrets.token_hex(4)
    made = Organization.objects.bulk_create(
        Organization(name=f"Elsewhere {number}", slug=f"{tag}-{number}", personal_of=None)
        for number, _, _ in numbered()
    )
    people = _people()
    OrganizationMember.objects.bulk_create(
        OrganizationMember(organization=one, user=person, role="OWNER")
        for one, person in zip(made, people, strict=True)
    )
    OrganizationInvitation.objects.bulk_create(
        _invitation(number, at, organization=made[number], email=owner.email, role="MEMBER")
        for number, _, at in numbered()
    )


def roles(world: World) -> None:
    """Make roles that nobody and that somebody holds."""
    made, people = _roles(world), _people()
    OrganizationMember.objects.bulk_create(
        OrganizationMember(
            organization=world.mine, user=people[number], role="VIEWER", custom_role=made[number]
        )
        for number, full, _ in numbered()
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
            user_agent=AWKWARD if full else "",
            authenticated_at=at,
            second_factor_at=at if full else None,
            rotated_at=at,
            last_used_at=at,
            expires_at=at + timedelta(days=14),
        )
        for number, full, at in numbered()
    )


def _devices(world: World) -> list[Device]:
    return Device.objects.bulk_create(
        Device(
            user=world.people["owner"],
            digest=secrets.token_bytes(32),
            ip="2001:db8::7" if full else None,
            user_agent=AWKWARD if full else "",
            last_used_at=at,
            trusted_until=at if full else None,
        )
        for _, full, at in numbered()
    )


def devices(world: World) -> None:
    """Make the owner known on many devices."""
    _devices(world)


def passkeys(world: World) -> None:
    """Give the owner passkeys."""
    Passkey.objects.bulk_create(
        Passkey(
            user=world.people["owner"],
            name=f"{AWKWARD} {number}",
            credential_id=secrets.token_bytes(16),
            public_key=b"nobody's",
            aaguid=UUID(int=0),
            transports=["usb", "nfc"] if full else [],
            is_synced=full,
            last_used_at=at if full else None,
        )
        for number, full, at in numbered()
    )


def entries(world: World) -> None:
    """Let the organization be changed by its owner, by staff and by a job."""
    actors = (Actor("staff", 1, "Sam"), Actor("user", world.people["owner"].pk), Actor("job"))
    for number, full, _ in numbered():
        with context.use(Context(actor=actors[number % 3], ip="203.0.113.7")):
            organizations.update_organization(
                organization=world.mine, changes={"metadata": {"at": [number, AWKWARD, full]}}
            )


def activity(world: World) -> None:
    """Let the owner change something about themselves, and about the organization."""
    owner = world.people["owner"]
    with context.use(Context(actor=Actor("user", owner.pk), user_agent=AWKWARD)):
        for number, full, _ in numbered():
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
            user_agent=AWKWARD if full else "",
            request_id=f"request-{number:04}" if full else "",
            data={"permission": "members:write", "user_id": 1} if full else {},
            last_seen_at=at,
            acknowledged_at=at if full and acknowledged_by else None,
            acknowledged_by_id=acknowledged_by.pk if full and acknowledged_by else None,
            **whose,
        )
        for number, full, at in numbered()
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
        for number, full, at in numbered()
    )


def notices(world: World) -> None:
    """Tell the owner things."""
    Notice.objects.bulk_create(
        Notice(
            user=world.people["owner"],
            kind="broadcast.sent",
            title=f"{AWKWARD} {number}",
            body=AWKWARD if full else "",
            link="/keys/" if full else "",
            read_at=at if full else None,
        )
        for number, full, at in numbered()
    )


def broadcasts(world: World) -> None:
    """Tell everybody things."""
    Broadcast.objects.bulk_create(
        Broadcast(
            title=f"{AWKWARD} {number}",
            body="On Sunday.",
            created_by=world.people["owner"] if full else None,
            people_total=number,
            people_done=number // 2,
        )
        for number, full, _ in numbered()
    )


def people(world: World) -> None:
    """Register people."""
    _people()


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
    "webhooks_conformance_list": rows_of_webhooks.runs,
    "webhooks_deliveries_list": rows_of_webhooks.deliveries,
    "webhooks_list": rows_of_webhooks.webhooks,
}
