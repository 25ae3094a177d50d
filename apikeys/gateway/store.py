"""The gate's questions to PostgreSQL: records, their versions, the route table, seeds of counters.

Two connections of its own, one for what a waiting call needs and one for the watch over versions. No call waits
longer than a second for a statement; after a failure PostgreSQL is left alone for half a second.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import psycopg

from apikeys.gateway import records
from apikeys.gateway.plans import Counter, seed_columns
from apikeys.gateway.records import KeyRecord
from apikeys.gateway.routes import RouteTable

_CALL_SECONDS: Final = 1.0
_OPEN_SECONDS: Final = 5.0
# Nobody waits for the watch; a slow database must still be able to say that a key was revoked.
_WATCH_SECONDS: Final = 2.5
_PAUSE_SECONDS: Final = 0.5
_BATCH: Final = 500

Rows = list[tuple[Any, ...]]


class StoreDown(Exception):
    """PostgreSQL does not answer, or not in time."""


class Connection:
    """One connection that is opened when needed and dropped when it is slow."""

    def __init__(self, parameters: Mapping[str, Any], timeout: float) -> None:
        self._parameters = dict(parameters)
        self._timeout = timeout
        self._connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        self._lock = asyncio.Lock()
        self._not_before = 0.0

    @property
    def is_up(self) -> bool:
        """Whether the last statement was answered."""
        return self._connection is not None

    async def open(self, patience: float) -> None:
        """Connect if that is possible in so many seconds."""
        usual, self._timeout = self._timeout, patience
        with contextlib.suppress(StoreDown):
            await self.fetch("SELECT 1")
        self._timeout, self._not_before = usual, 0.0

    async def fetch(self, statement: str, *parameters: Any) -> Rows:
        """Run one statement, which must bear to be run twice, outside any transaction. Raises StoreDown.

        A connection that turns out to have ended, as after an outage, is replaced at once, within the same time.
        """
        loop = asyncio.get_running_loop()
        async with self._lock:
            if loop.time() < self._not_before:
                raise StoreDown("PostgreSQL did not answer a moment ago")
            ends_at = loop.time() + self._timeout
            while True:
                used = self._connection
                task = asyncio.create_task(self._run(statement, parameters))
                done, _ = await asyncio.wait({task}, timeout=ends_at - loop.time())
                if not done:
                    self._give_up(task)
                try:
                    return await task
                except (psycopg.Error, OSError, asyncio.CancelledError) as error:
                    current = asyncio.current_task()
                    if current is not None and current.cancelling():
                        raise
                    had_ended = bool(done) and used is not None and used.closed
                    await self.close()
                    if not had_ended:
                        self._not_before = loop.time() + _PAUSE_SECONDS
                        raise StoreDown(type(error).__name__) from error

    async def _run(self, statement: str, parameters: Sequence[Any]) -> Rows:
        if self._connection is None:
            self._connection = await psycopg.AsyncConnection.connect(
                **{**self._parameters, "connect_timeout": 5, "application_name": "tollgate-gate"},
                autocommit=True,
                prepare_threshold=None,
            )
        cursor = await self._connection.execute(statement, parameters)
        return await cursor.fetchall() if cursor.description else []

    def _give_up(self, task: "asyncio.Task[Rows]") -> None:
        if self._connection is None:
            task.cancel()
            return
        # Cancelling would make psycopg ask the silent server for a favor. A closed socket ends the wait at once.
        with contextlib.suppress(OSError, psycopg.Error):
            raw = socket.socket(fileno=os.dup(self._connection.fileno()))
            try:
                raw.shutdown(socket.SHUT_RDWR)
            finally:
                raw.close()

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()


@dataclass(slots=True)
class _Wanted:
    """One thing that is asked for in the next batch."""

    question: Any
    future: "asyncio.Future[Any]"


@dataclass(slots=True)
class Batcher:
    """Gathers what is asked while a statement runs and asks for all of it in the next one."""

    run: Callable[[list[Any]], Any]
    _wanted: list[_Wanted] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None

    def ask(self, question: Any) -> "asyncio.Future[Any]":
        """Return a future of the answer to one question."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._wanted.append(_Wanted(question, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return future

    async def _work(self) -> None:
        try:
            while self._wanted:
                batch, self._wanted = self._wanted[:_BATCH], self._wanted[_BATCH:]
                await self._answer(batch)
        finally:
            self._task = None

    async def _answer(self, batch: list[_Wanted]) -> None:
        try:
            answers = await self.run([wanted.question for wanted in batch])
        except Exception as error:  # noqa: BLE001  whatever it is, the calls that wait must hear of it
            for wanted in batch:
                if not wanted.future.done():
                    wanted.future.set_exception(StoreDown(repr(error)))
            return
        for wanted, answer in zip(batch, answers, strict=True):
            if not wanted.future.done():
                wanted.future.set_result(answer)


async def sums(connection: Connection, counters: Sequence[Counter]) -> list[int]:
    """Return what each counter has to say according to PostgreSQL. Raises StoreDown."""
    used: dict[int, int] = dict(await connection.fetch(records.SEEDS_SQL, *seed_columns(counters)))
    return [used[n] for n in range(len(counters))]


class Store:
    """What the engine asks PostgreSQL."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._calls = Connection(parameters, _CALL_SECONDS)
        self._watch = Connection(parameters, _WATCH_SECONDS)
        self._records = Batcher(self._load_records)
        self._seeds = Batcher(self._load_seeds)

    @property
    def is_up(self) -> bool:
        """Whether PostgreSQL answered the last look at versions."""
        return self._watch.is_up

    async def open(self) -> None:
        """Open both connections before the first call needs them, with more patience than a call has."""
        await asyncio.gather(self._calls.open(_OPEN_SECONDS), self._watch.open(_OPEN_SECONDS))

    async def close(self) -> None:
        """Close both connections."""
        await self._calls.close()
        await self._watch.close()

    def record(self, digests: tuple[bytes, ...]) -> "asyncio.Future[KeyRecord | None]":
        """Return a future of the record with one of these digests, None when there is no such secret."""
        return self._records.ask(digests)

    def seeds(self, counters: tuple[Counter, ...]) -> "asyncio.Future[tuple[int, ...]]":
        """Return a future of what each counter's period has used according to PostgreSQL."""
        return self._seeds.ask(counters)

    async def _load_records(self, questions: list[tuple[bytes, ...]]) -> list[KeyRecord | None]:
        wanted = [digest for digests in questions for digest in digests]
        found = records.read_rows(await self._calls.fetch(records.LOAD_SQL, wanted))
        return [
            next((found[digest] for digest in digests if digest in found), None)
            for digests in questions
        ]

    async def _load_seeds(self, questions: list[tuple[Counter, ...]]) -> list[tuple[int, ...]]:
        counters = [counter for question in questions for counter in question]
        seeds = iter(await sums(self._calls, counters))
        return [tuple(next(seeds) for _ in question) for question in questions]

    async def versions(self, secret_ids: list[int]) -> dict[int, str]:
        """Return the present version of each secret that still exists. Raises StoreDown."""
        return dict(await self._watch.fetch(records.VERSIONS_SQL, secret_ids))

    async def routes_version(self) -> str:
        """Return a fingerprint of all APIs and rules. Raises StoreDown."""
        return str((await self._watch.fetch(records.ROUTES_VERSION_SQL))[0][0])

    async def routes(self) -> RouteTable:
        """Return the compiled route table. Raises StoreDown."""
        return RouteTable(orjson.loads((await self._watch.fetch(records.ROUTES_SQL))[0][0]))

    async def mark_service_keys_used(self, ages: Mapping[int, float]) -> None:
        """Remember that these service keys were presented so many seconds ago. Raises StoreDown."""
        statement = records.SERVICE_KEYS_USED_SQL
        await self._watch.fetch(statement, list(ages), list(ages.values()))
