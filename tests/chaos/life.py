"""One run of Parley in process, which can be shut down or killed at any call.

A kill is what kill -9 does as seen from outside: no call of that run has an effect any more, and
its tasks end. What was sent to a platform already arrives.
"""

import asyncio
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from typing import Any
from weakref import WeakSet

from bot.clock import Clock
from tests.virtual_clock import VirtualClock

_LIFE: ContextVar["Life | None"] = ContextVar("chaos_life", default=None)


class ChaosClock(VirtualClock):
    """Virtual time that stands still while a call is outside the event loop (a database's
    thread)."""

    def __init__(self) -> None:
        super().__init__()
        self.outside = 0

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.outside:
            loop.call_later(0.0005, self._watch, loop)
        else:
            super()._watch(loop)


class Life:
    """One run. Every call to the store, the platform or the clock passes `check`."""

    def __init__(self, clock: Clock, end_at: int | None, after: int, *, kill: bool) -> None:
        """It is to end at its `end_at`-th call and `after` turns of the event loop later; None
        for never."""
        self._clock = clock
        self._left = end_at
        self._after = after
        self.kill = kill
        self.dead = False
        self.over = asyncio.Event()
        """The time has come to shut it down, or it was killed."""
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()
        """All tasks that it started."""

    def check(self) -> None:
        """Count a call. Raises CancelledError once the run was killed."""
        if self.dead:
            raise asyncio.CancelledError
        if self._left is None or self.over.is_set():
            return
        self._left -= 1
        if self._left <= 0:
            self._end_soon(self._after)

    def _end_soon(self, turns: int) -> None:
        if self.over.is_set():
            return
        if turns > 0:
            asyncio.get_running_loop().call_soon(self._end_soon, turns - 1)
            return
        self.dead = self.kill
        self.over.set()

    # ------------------------------------------------------------ its clock

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        if self.dead:
            raise asyncio.CancelledError
        await self._clock.sleep(seconds)

    # ------------------------------------------------------------ its tasks

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """A task of this run."""
        token = _LIFE.set(self)
        try:
            return asyncio.create_task(work)
        finally:
            _LIFE.reset(token)

    async def bury(self) -> None:
        """End all tasks of a run that is over, whatever they wait for."""
        for _ in range(10_000):
            running = [task for task in self.tasks if not task.done()]
            if not running:
                return
            for task in running:
                task.cancel()
            await asyncio.sleep(0)
        raise AssertionError("tasks of a run that is over do not end when they are cancelled")


def tasks_by_life(
    loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], context: Context | None = None
) -> asyncio.Task[Any]:
    """A task factory that tells each life its tasks."""
    task = asyncio.Task(coro, loop=loop, context=context)
    life = context.get(_LIFE) if context is not None else _LIFE.get()
    if life is not None:
        life.tasks.add(task)
    return task


def outside_of_lives(work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A task that belongs to no run, wherever it is started: something at the platform."""
    context = Context()
    return asyncio.get_running_loop().create_task(work, context=context)


async def within(clock: Clock, seconds: float, work: asyncio.Future[Any]) -> bool:
    """Wait for `work`, for so long at most. Returns whether it is done."""
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({work, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sleeping.cancel()
        await asyncio.wait({sleeping})
    return work.done()
