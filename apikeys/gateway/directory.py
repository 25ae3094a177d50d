"""The records this process knows: loaded once, compared with PostgreSQL's versions all the time, dropped when told."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from apikeys import secrets
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.store import Store, StoreDown

_UNKNOWN_SECONDS: Final = 2.0
_MAX_UNKNOWN: Final = 10_000
_MAX_LOADING: Final = 5_000
_IDLE_SECONDS: Final = 30.0
_MAX_RECORDS: Final = 200_000
_CHUNK: Final = 5_000

Then = Callable[[KeyRecord | StoreDown | None], None]


class Directory:
    """Secrets in memory. The plaintext is the key of the table, never of anything that leaves the process."""

    def __init__(self, store: Store, peppers: tuple[secrets.Pepper, ...], brand: str) -> None:
        self._store = store
        self._peppers = peppers
        self._brand = brand
        self.records: dict[bytes, KeyRecord] = {}
        self._unknown: dict[bytes, float] = {}
        self._loading: dict[bytes, list[Then]] = {}
        self.lookups = 0
        self.now = asyncio.get_running_loop().time()

    def load(self, secret: bytes, then: Then) -> None:
        """Find the record of a secret that is not in memory and hand it on; one look-up however many wait for it."""
        waiting = self._loading.get(secret)
        if waiting is not None:
            waiting.append(then)
            return
        digests = self._digests(secret)
        if digests is None or self._unknown.get(secret, 0.0) > self.now:
            then(None)
        elif len(self._loading) >= _MAX_LOADING:
            then(StoreDown("too many secrets are being looked up"))
        else:
            self._loading[secret] = [then]
            self.lookups += 1
            future = self._store.record(digests)
            future.add_done_callback(lambda done: self._on_loaded(secret, done))

    def _digests(self, secret: bytes) -> tuple[bytes, ...] | None:
        """Return what the secret may be stored under; None when its form or checksum is wrong."""
        if not secret.isascii() or secrets.parse(secret.decode(), brand=self._brand) is None:
            return None
        return secrets.digests(secret.decode(), self._peppers)

    def _on_loaded(self, secret: bytes, future: "asyncio.Future[KeyRecord | None]") -> None:
        waiting = self._loading.pop(secret, [])
        if future.cancelled():
            answer: KeyRecord | StoreDown | None = StoreDown("the gate is stopping")
        elif future.exception() is not None:
            answer = StoreDown(str(future.exception()))
        else:
            answer = future.result()
            self._remember(secret, answer)
        for then in waiting:
            then(answer)

    def _remember(self, secret: bytes, record: KeyRecord | None) -> None:
        if record is None:
            if len(self._unknown) >= _MAX_UNKNOWN:
                self._unknown.clear()
            self._unknown[secret] = self.now + _UNKNOWN_SECONDS
            return
        if len(self.records) >= _MAX_RECORDS:
            self.records.clear()
        record.used_at = self.now
        self.records[secret] = record

    async def revalidate(self) -> None:
        """Drop what nobody used lately and what PostgreSQL has another version of. Raises StoreDown."""
        self.now = asyncio.get_running_loop().time()
        oldest = self.now - _IDLE_SECONDS
        for secret in [s for s, record in self.records.items() if record.used_at < oldest]:
            del self.records[secret]
        known = list(self.records.items())
        for start in range(0, len(known), _CHUNK):
            await self._compare(known[start : start + _CHUNK])

    async def _compare(self, known: list[tuple[bytes, KeyRecord]]) -> None:
        versions = await self._store.versions([record.secret_id for _, record in known])
        for secret, record in known:
            is_same = versions.get(record.secret_id) == record.version
            if not is_same and self.records.get(secret) is record:
                del self.records[secret]

    def drop(self, message: dict[str, Any]) -> None:
        """Drop the records that an announcement names."""
        keys = _numbers(message.get("keys"))
        services = _numbers(message.get("service_keys"))
        organizations = _numbers(message.get("organizations"))
        stale = [
            secret
            for secret, record in self.records.items()
            if record.key_id in (services if record.is_service_key else keys)
            or record.organization_id in organizations
        ]
        for secret in stale:
            del self.records[secret]
        self._unknown.clear()

    def forget_plans(self) -> None:
        """Let every record work out its plans anew, because the rules changed."""
        for record in self.records.values():
            record.plans.clear()


def _numbers(value: object) -> frozenset[int]:
    # Announcements come over the network: what is no list of numbers names nothing.
    return (
        frozenset(item for item in value if type(item) is int)
        if isinstance(value, list)
        else frozenset()
    )
