"""The furnished world of the API tests."""

import base64
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.models import Broadcast, DataExport, EmailChange, EmailToken, Notice, User
from accounts.services import sessions
from audit.models import AuditLog
from config.common import crypto
from organizations import access
from organizations.models import Organization, Role
from organizations.services import custom_roles, grants, invitations
from tests.api.rows import ROWS
from tests.api.world import World
from tests.clients import ApiAs
from tests.factories.accounts import PASSWORD, PasskeyFactory
from tests.factories.apikeys import ApiKeyFactory
from tests.factories.audit import SecurityEventFactory
from tests.factories.webhooks import WebhookFactory
from webhooks.models import (
    ConformanceRun,
    Outcome,
    RunStatus,
    Trigger,
    WebhookAttempt,
    WebhookDelivery,
)
from webhooks.services import testing

INVITATION_TOKEN = "i" * 43
VERIFY_TOKEN, RESET_TOKEN, CHANGE_TOKEN = "t" * 43, "r" * 43, "c" * 43
# The smallest PNG there is: one pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)


@pytest.fixture
def world(
    api: APIClient,
    api_as: ApiAs,
    organization: Organization,
    foreign_organization: Organization,
    olivia: User,
    adam: User,
    mia: User,
    vera: User,
    stan: User,
    sam: User,
    settings: Any,
    tmp_path: Path,
) -> World:
    """Return two furnished organizations and a client of each caller."""
    people = {"owner": olivia, "admin": adam, "member": mia, "viewer": vera, "stranger": stan}
    clients = {name: api_as(person) for name, person in people.items()}
    clients["staff"] = _staff(sam)
    pair = sessions.start(user=olivia, at=timezone.now())
    settings.WEBHOOK_ALLOW_CIDRS = ["127.0.0.0/8"]
    settings.MEDIA_ROOT, settings.EXPORT_ROOT = tmp_path / "media", tmp_path
    _mail_links(olivia)
    webhook, foreign_webhook = _webhook_of(organization), _webhook_of(foreign_organization)
    return World(
        mine=organization,
        foreign=foreign_organization,
        key=ApiKeyFactory.create(organization=organization, created_by=olivia),
        foreign_key=ApiKeyFactory.create(organization=foreign_organization, created_by=stan),
        people=people,
        clients={"anonymous": api, **clients},
        refresh=pair.refresh,
        session_id=olivia.sessions.latest("pk").pk,
        foreign_session_id=stan.sessions.latest("pk").pk,
        device_id=olivia.devices.latest("pk").pk,
        foreign_device_id=stan.devices.latest("pk").pk,
        passkey_id=PasskeyFactory.create(user=adam).pk,
        foreign_passkey_id=PasskeyFactory.create(user=stan).pk,
        export_id=_export_of(olivia, tmp_path),
        foreign_export_id=_export_of(stan, tmp_path),
        broadcast_id=Broadcast.objects.create(title="x", body="x").pk,
        notice_id=Notice.objects.create(user=olivia, kind="x", title="x").pk,
        foreign_notice_id=Notice.objects.create(user=stan, kind="x", title="x").pk,
        entry_id=AuditLog.objects.filter(organization_id=organization.pk).latest("pk").pk,
        foreign_entry_id=AuditLog.objects.filter(organization_id=foreign_organization.pk)
        .latest("pk")
        .pk,
        event_id=SecurityEventFactory.create(organization_id=organization.pk).pk,
        foreign_event_id=SecurityEventFactory.create(organization_id=foreign_organization.pk).pk,
        webhook=webhook,
        foreign_webhook=foreign_webhook,
        run_id=_run_of(webhook),
        foreign_run_id=_run_of(foreign_webhook),
        values={
            "refresh": pair.refresh,
            "email": olivia.email,
            "password": PASSWORD,
            "verify_token": VERIFY_TOKEN,
            "reset_token": RESET_TOKEN,
            "change_token": CHANGE_TOKEN,
            "picture": PICTURE,
            "user_id": mia.pk,
            "organization_id": organization.pk,
            "organization_name": organization.name,
            "invitation_token": INVITATION_TOKEN,
        },
        of_organizations={
            "mine": _rights_in(organization, mia, INVITATION_TOKEN, stan.email),
            "foreign": _rights_in(foreign_organization, stan, "j" * 43, "nobody@example.com"),
        },
    )


@pytest.fixture
def furnished(world: World) -> World:
    """Return the world with fifty rows and more in every list."""
    for add in ROWS.values():
        add(world)
    return world


def _staff(person: User) -> APIClient:
    """Return a client of staff that gave a second factor."""
    now = timezone.now()
    pair = sessions.start(user=person, at=now, proof=sessions.Proof(second_factor_at=now))
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {pair.access}")
    return client


def _rights_in(organization: Organization, user: User, token: str, email: str) -> dict[str, int]:
    tenant = access.on_behalf_of(organization)
    invitation = invitations.invite(tenant=tenant, email=email, role=Role.MEMBER, at=timezone.now())
    type(invitation).objects.filter(pk=invitation.pk).update(digest=crypto.digest(token))
    role = custom_roles.create_role(tenant=tenant, name="Accountant", permissions=["billing:read"])
    grant, _ = grants.give(
        tenant=tenant,
        user_id=user.pk,
        permission="keys:read",
        kind="organization",
        object_id=organization.pk,
    )
    return {"invitation_id": invitation.pk, "role_id": role.pk, "grant_id": grant.pk}


def _mail_links(user: User) -> None:
    soon = timezone.now() + timedelta(hours=1)
    change = EmailChange.objects.create(
        user=user, old_email=user.email, new_email="moving@example.com", expires_at=soon
    )
    for purpose, token, change_of in (
        (EmailToken.Purpose.VERIFY_EMAIL, VERIFY_TOKEN, None),
        (EmailToken.Purpose.RESET_PASSWORD, RESET_TOKEN, None),
        (EmailToken.Purpose.CONFIRM_OLD, CHANGE_TOKEN, change),
    ):
        EmailToken.objects.create(
            user=user,
            purpose=purpose,
            digest=crypto.digest(token),
            email=user.email,
            change=change_of,
            expires_at=soon,
        )


def _webhook_of(organization: Organization) -> WebhookDelivery:
    """Make an endpoint that was sent one test."""
    webhook = WebhookFactory.create(organization=organization)
    delivery = testing.send_test(webhook=webhook, at=timezone.now())
    WebhookAttempt.objects.create(
        delivery=delivery,
        webhook=webhook,
        number=1,
        trigger=Trigger.TEST,
        at=timezone.now(),
        duration_ms=12,
        outcome=Outcome.SUCCEEDED,
        url=webhook.url,
        status_code=204,
    )
    return delivery


def _run_of(delivery: WebhookDelivery) -> int:
    """Make a conformance run that is over."""
    run = ConformanceRun.objects.create(
        organization_id=delivery.organization_id,
        webhook_id=delivery.webhook_id,
        url=delivery.webhook.url,
        probes_total=15,
        status=RunStatus.FINISHED,
        score=100,
        grade="A",
        completed_at=timezone.now(),
    )
    return run.pk


def _export_of(user: User, folder: Path) -> int:
    file = folder / f"{user.pk}.zip"
    file.write_bytes(b"PK")
    export = DataExport.objects.create(
        user=user,
        status=DataExport.Status.READY,
        file=file.name,
        size_bytes=2,
        expires_at=timezone.now() + timedelta(days=7),
    )
    return export.pk
