"""A store with faults: locked for a while, full, or replaced while it is open."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, cast

from bot.errors import StorageError
from bot.messages import ConversationKey
from bot.ports import ArchivedExchange, Store
from tests.chaos.faults import Faults
from tests.chaos.life import ChaosClock, Life, outside_of_lives
from tests.chaos.model import Defect

WRITES = frozenset(
    [
        "accept",
        "reopen",
        "edit_question",
        "delete_question",
        "checkpoint",
        "shown",
        "settle",
        "close",
        "delivered",
        "leave",
        "cleared",
        "rate",
        "reset",
        "forget",
        "change_settings",
    ]
)
BUSY_SECONDS = 5.0
"""How long SQLite waits for another writer's lock before it gives up."""


class ChaosStore:
    """`bot.ports.Store` over another one, as one life sees it. What fails has no effect."""

    def __init__(
        self, inner: Store, faults: Faults, clock: ChaosClock, life: Life, *, threads: bool
    ) -> None:
        """`threads`: whether `inner` works outside the event loop."""
        self._inner = inner
        self._threads = threads
        self._faults = faults
        self._clock = clock
        self._life = life
        self._locked_until = 0.0
        self.accepted: dict[str, int] = {}
        """Message ids of questions that are recorded, with their answers."""

    @property
    def tag(self) -> str:
        return self._inner.tag

    def archived(self, conversation: ConversationKey) -> AsyncIterator[ArchivedExchange]:
        return self._inner.archived(conversation)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        return partial(self._call, name, getattr(self._inner, name))

    async def _call(
        self, name: str, method: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any
    ) -> Any:
        self._life.check()
        draw = self._faults.random(f"store {name}", str(args[0]) if args else "")
        await self._life.sleep(draw.choice([0.0, 0.0, 0.002, 0.02]))
        if self._faults.active:
            await self._fault(name, draw.random(), draw.choice([0.5, 6.0, 17.0, 40.0]))
        self._life.check()
        call = method(*args, **kwargs)
        result = await (self._outside(call) if self._threads else call)
        if name == "accept" and result is not None:
            self.accepted[result.question.message_id] = result.id
        self._life.check()
        return result

    async def _outside(self, call: Awaitable[Any]) -> Any:
        """The virtual time stands still meanwhile. A run that ends does not interrupt it."""
        self._clock.outside += 1
        # no task of this run: what a database has begun, it completes
        running = outside_of_lives(_awaited(call))
        running.add_done_callback(self._back)
        return await asyncio.shield(running)

    def _back(self, call: "asyncio.Future[Any]") -> None:
        self._clock.outside -= 1
        if not call.cancelled():
            call.exception()

    async def _fault(self, name: str, chance: float, seconds: float) -> None:
        now = self._clock.monotonic()
        if now < self._locked_until and name in WRITES:
            await self._life.sleep(BUSY_SECONDS)
            if self._clock.monotonic() < self._locked_until:
                raise StorageError("the database is locked by another program")
        if chance >= self._faults.rates.store:
            return
        chance /= self._faults.rates.store
        if chance < self._faults.rates.raw:
            self._faults.inject("database replaced (raw exception)", name)
            raise Defect("no such table: answers")
        if chance < 0.7:
            self._faults.inject("database full", name)
            raise StorageError("the disk is full")
        self._faults.inject("database locked", f"{name} for {seconds:g} s")
        self._locked_until = now + seconds


async def _awaited(call: Awaitable[Any]) -> Any:
    return await call


def as_store(store: ChaosStore) -> Store:
    return cast("Store", store)
