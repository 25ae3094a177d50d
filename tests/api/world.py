"""Two organizations of the same shape, the people of the first, and how each of them asks."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from accounts.models import User
from apikeys.gateway import app as gate
from apikeys.models import ApiKey
from organizations.models import Organization
from tests.api.operations import Operation
from webhooks.models import WebhookDelivery

REQUEST_ID = "the-same-request"
MISSING = 8_000_000_000_000_000_000


@dataclass
class World:
    """Where the matrix is tried: what belongs to whom, and what stands for it in paths and bodies."""

    mine: Organization
    foreign: Organization
    key: ApiKey
    foreign_key: ApiKey
    people: dict[str, User]
    clients: dict[str, APIClient]
    refresh: str
    session_id: int
    foreign_session_id: int
    event_id: int
    passkey_id: int
    device_id: int
    foreign_device_id: int
    foreign_event_id: int
    entry_id: int
    foreign_entry_id: int
    foreign_passkey_id: int
    export_id: int
    notice_id: int
    broadcast_id: int
    foreign_notice_id: int
    foreign_export_id: int
    webhook: WebhookDelivery
    foreign_webhook: WebhookDelivery
    run_id: int
    foreign_run_id: int
    values: dict[str, Any] = field(default_factory=dict)
    # What belongs to organizations beyond their keys: path parameters by whose they are.
    of_organizations: dict[str, dict[str, int]] = field(default_factory=dict)

    def path_values(self, whose: str) -> dict[str, int]:
        """Return the path parameters of what is mine, of what is foreign, or of nothing."""
        if whose == "mine":
            return {
                **self._parameters(self.mine, self.key, self.people["viewer"], self.session_id),
                "event_id": self.event_id,
                "entry_id": self.entry_id,
                "device_id": self.device_id,
                "passkey_id": self.passkey_id,
                "export_id": self.export_id,
                "notice_id": self.notice_id,
                "broadcast_id": self.broadcast_id,
                **self.of_organizations["mine"],
                "webhook_id": self.webhook.webhook_id,
                "delivery_id": self.webhook.pk,
                "run_id": self.run_id,
            }
        if whose == "foreign":
            return {
                **self._parameters(
                    self.foreign, self.foreign_key, self.people["stranger"], self.foreign_session_id
                ),
                "event_id": self.foreign_event_id,
                "entry_id": self.foreign_entry_id,
                "device_id": self.foreign_device_id,
                "passkey_id": self.foreign_passkey_id,
                "export_id": self.foreign_export_id,
                "notice_id": self.foreign_notice_id,
                "broadcast_id": self.broadcast_id,
                **self.of_organizations["foreign"],
                "webhook_id": self.foreign_webhook.webhook_id,
                "delivery_id": self.foreign_webhook.pk,
                "run_id": self.foreign_run_id,
            }
        names = (
            "organization_id",
            "id",
            "user_id",
            "session_id",
            "event_id",
            "entry_id",
            "passkey_id",
            "device_id",
            "export_id",
            "notice_id",
            "broadcast_id",
            *self.of_organizations["mine"],
            "webhook_id",
            "delivery_id",
            "run_id",
        )
        return {name: MISSING + number for number, name in enumerate(names)}

    def _parameters(
        self, organization: Organization, key: ApiKey, user: User, session_id: int
    ) -> dict[str, int]:
        return {
            "organization_id": organization.pk,
            "id": key.pk,
            "user_id": user.pk,
            "session_id": session_id,
        }

    def insider(self, operation: Operation) -> APIClient:
        """Return the client of whoever the operation is for: the owner, or the platform's staff."""
        return self.clients[who_may(operation)]

    def body(self, template: Any) -> Any:
        """Fill in what a body needs to know: `"$refresh"` and the like."""
        if isinstance(template, dict):
            return {name: self.body(value) for name, value in template.items()}
        if isinstance(template, str) and template.startswith("$"):
            return self.values[template[1:]]
        return template

    def _sent(self, operation: Operation, body: Any) -> dict[str, Any]:
        """Return how a body goes over the wire: as JSON, or as the form with a file that the operation wants."""
        if not operation.is_upload:
            return {"data": body}
        files = {
            name: SimpleUploadedFile("file", content) for name, content in (body or {}).items()
        }
        return {"data": files, "format": "multipart"}

    def ask(
        self,
        caller: str,
        operation: Operation,
        *,
        whose: str = "mine",
        body: Any = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
        path: Mapping[str, int] | None = None,
    ) -> Any:
        """Ask for an operation; a stranger asks for the organization that is not theirs."""
        where = operation.path.format(**(path or self.path_values(whose))) + query
        client = self.clients[caller]
        headers = {"X-Request-Id": REQUEST_ID, **(headers or {})}
        if caller in {"stranger", "removed"}:
            headers["X-Organization-Id"] = str(self.mine.pk)
        content = self.body(body)
        if operation.path in gate.PATHS:
            return _ask_gate(client, operation, headers, content)
        method: Callable[..., Any] = getattr(client, operation.method)
        if operation.method in {"get", "delete"}:
            return method(where, headers=headers)
        return method(where, headers=headers, **self._sent(operation, content))


def who_may(operation: Operation) -> str:
    """Return who may ask for the operation and be answered: the owner, or the platform's staff."""
    return "staff" if operation.path.startswith("/api/v1/admin/") else "owner"


def _ask_gate(client: APIClient, operation: Operation, headers: dict[str, str], body: Any) -> Any:
    """Ask the gate, which answers in front of Django."""
    known = client._credentials.get("HTTP_AUTHORIZATION")  # type: ignore[attr-defined]
    if known:
        headers = {**headers, "Authorization": known}

    async def ask() -> httpx.Response:
        await gate.startup()
        try:
            transport = httpx.ASGITransport(app=gate.application)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
                return await http.request(
                    operation.method, operation.path, json=body, headers=headers
                )
        finally:
            await gate.shutdown()

    return asyncio.run(ask())
