"""Summaries that people asked for: each step waits in the fair queue and is charged to the person,
and what a crash interrupts is taken up. What they say is stored nowhere.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from bot.clock import Clock
from bot.engine.models import Models, Served
from bot.engine.queue import FairQueue
from bot.engine.resume import resuming_stream
from bot.engine.summarizing import Plan, Room, plan, write
from bot.engine.transcript import Transcript
from bot.errors import (
    Busy,
    GenerationError,
    NoRoom,
    NothingToDo,
    ParleyError,
    ShuttingDown,
    SurfaceBusy,
)
from bot.logs import conversation_logged
from bot.messages import ConversationKey, Finished, FinishReason, Person, Prompt
from bot.ports import PendingSummary, Quota, SummaryLedger

logger = logging.getLogger(__name__)

Deliver = Callable[["Summary"], Awaitable[None]]
"""Tells the person. May raise ParleyError: SurfaceBusy leaves the summary to the next start."""
Reading = Callable[[], Awaitable[Transcript]]
"""Reads the messages again. May raise ParleyError."""


class SummaryStore(SummaryLedger, Protocol):
    """What is kept of summaries, and the quotas, as `bot.ports.QuestionStore` has them."""

    async def check_quota(self, person: Person, quota: Quota) -> None:
        """Raise OverQuota where the person's quota of the day is used up. Changes nothing."""


FULL_SECONDS = 2.0
"""Wait of a step for which the queue has no room."""
RUNS = "A summary for you is being written already. /stop ends it."
STOPPED = "Stopped: there is no summary."
GIVEN_UP = "I was restarted before your summary was complete. Ask for it again."
NOTHING_SAID = "The model had nothing to say."
LENGTH = "The summary reached my length limit."
DEFECT = "The summary failed by a defect of mine. The operator's log says what."


@dataclass(frozen=True, slots=True)
class Summary:
    """How a summary ended: its text, or why there is none."""

    text: str
    failed: bool = False
    note: str = ""


@dataclass(eq=False, slots=True)
class _Running:
    """A summary that is being written."""

    where: ConversationKey
    person: Person
    served: Served
    """The model that is chosen where it was asked for, as of the plan."""
    work: asyncio.Future[str] | None = None
    task: asyncio.Task[None] | None = None
    stopped: bool = False
    note: str = ""

    def stop(self) -> bool:
        """False where it had ended or was stopped already."""
        if self.stopped or (self.work is not None and self.work.done()):
            return False
        self.stopped = True
        if self.work is not None:
            self.work.cancel()
        return True


class Summaries:
    """Writes summaries; one at a time for each person. A part of the engine, for its event loop."""

    def __init__(
        self,
        models: Models,
        store: SummaryStore,
        queue: FairQueue,
        clock: Clock,
        quota: Quota,
        spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None] | None],
    ) -> None:
        """`spawn` starts a task that the engine waits for at its end; None where it is ending."""
        self._models = models
        self._store = store
        self._queue = queue
        self._clock = clock
        self._quota = quota
        self._spawn = spawn
        self._running: dict[str, _Running] = {}
        """By the person's key."""
        self.open = False
        """Whether summaries are begun; set by the engine."""

    async def begin(
        self, where: ConversationKey, person: Person, said: Transcript, deliver: Deliver
    ) -> int:
        """Sum up `said`; `deliver` is called once, with the summary or why there is none. Returns
        when the request is recorded, with the number of steps that it takes. Raises Refusal (Busy,
        OverQuota, TooLong, NothingToDo), StorageError and GenerationError, with nothing recorded.
        """
        with self._reserved(where, person) as running:
            self._queue.check(person.key)
            made = await self._plan(running, said)
            pending = await self._store.begin_summary(
                where, person, said.first, said.last, self._quota
            )
            work = partial(self._write, running, said, made)
            self._start(running, self._run(running, pending, work, deliver))
            return made.steps

    def take_up(self, pending: PendingSummary, read: Reading, deliver: Deliver) -> None:
        """Write a summary that an earlier run left pending. It was charged for as an answer."""
        running = _Running(pending.conversation, pending.person, self._models.default)
        if self._running.setdefault(pending.person.key, running) is not running:
            return  # another one of theirs is being written: this stays for the next start

        async def work() -> str:
            said = await read()
            return await self._write(running, said, await self._plan(running, said))

        self._start(running, self._run(running, pending, work, deliver))

    def give_up(self, pending: PendingSummary, deliver: Deliver) -> None:
        """Tell the person that a summary which an earlier run left pending does not come."""
        running = _Running(pending.conversation, pending.person, self._models.default)
        if self._running.setdefault(pending.person.key, running) is not running:
            return

        async def work() -> str:
            raise NothingToDo(GIVEN_UP)

        self._start(running, self._run(running, pending, work, deliver))

    def stop(
        self, *, person: str = "", conversations: Collection[ConversationKey] | None = None
    ) -> int:
        """Stop the summaries of this person (`Person.key`; "" is everybody), in these places where
        they are given. Returns how many were stopped."""
        return sum(
            running.stop()
            for running in self._running.values()
            if person in ("", running.person.key)
            and (conversations is None or running.where in conversations)
        )

    async def leave(self, platform: str | None = None) -> None:
        """End those of a platform, or all; they stay pending. Idempotent."""
        tasks = [
            running.task
            for running in self._running.values()
            if running.task is not None and platform in (None, running.where.platform)
        ]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    # ------------------------------------------------------------ inside

    @contextmanager
    def _reserved(self, where: ConversationKey, person: Person) -> Iterator[_Running]:
        """The person's only summary; released where the body raises, else by `_run`."""
        if not self.open:
            raise ShuttingDown("a summary was asked for during shutdown")
        if person.key in self._running:
            raise NothingToDo(RUNS)
        running = self._running[person.key] = _Running(where, person, self._models.default)
        try:
            yield running
        except BaseException:
            del self._running[person.key]
            raise

    def _start(self, running: _Running, work: Coroutine[Any, Any, None]) -> None:
        running.task = self._spawn(work)
        if running.task is None:  # it stays pending
            del self._running[running.person.key]

    async def _run(
        self,
        running: _Running,
        pending: PendingSummary,
        work: Callable[[], Awaitable[str]],
        deliver: Deliver,
    ) -> None:
        """Write it and deliver it. Cancelled, it leaves the summary pending."""
        try:
            with conversation_logged(pending.conversation):
                summary = await self._ended(running, work)
                if await _delivered(summary, deliver):
                    await self._store.end_summary(pending.id)
        except ParleyError as error:
            logger.error("summary %d: %s", pending.id, error)
        except Exception:
            logger.exception("summary %d failed by a defect of Parley", pending.id)
        finally:
            del self._running[running.person.key]

    async def _ended(self, running: _Running, work: Callable[[], Awaitable[str]]) -> Summary:
        running.work = future = asyncio.ensure_future(work())
        if running.stopped:
            future.cancel()
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            future.cancel()
            await asyncio.wait([future])
            raise
        if future.cancelled():
            return Summary(STOPPED, failed=True)
        return _outcome(future, running.note)

    async def _plan(self, running: _Running, said: Transcript) -> Plan:
        running.served = (await self._models.of(running.where)).served
        bounds = await running.served.window.bounds(running.where)
        wanted = bounds.sampling.max_new_tokens
        thinking = bounds.thinking
        reserved = thinking.most if thinking.reserved else 0
        window = bounds.tokens
        prompt = window - min(wanted + reserved, window // 2)
        room = Room(prompt, min(wanted, window // 2), thinking.reasoning)
        return await plan(said.lines(names=bounds.names), room, running.served.generator.count)

    async def _write(self, running: _Running, said: Transcript, made: Plan) -> str:
        step = partial(self._step, running)
        try:
            written = await write(made, step, running.served.generator.count)
        except NoRoom:  # the model was started again with a smaller window
            made = await self._plan(running, said)
            written = await write(made, step, running.served.generator.count)
        running.note = written.note or running.note
        return written.text

    async def _step(self, running: _Running, prompt: Prompt, most: int) -> str:
        """One answer of the model, at its place in the queue. Raises OverQuota where the person has
        used up their tokens by then; answers are counted where a summary begins."""
        async with self._turn(running):
            await self._store.check_quota(
                running.person, Quota(tokens_per_day=self._quota.tokens_per_day)
            )
            text, finished = await self._generate(running, prompt, most)
        await self._store.charge_tokens(running.person, finished.usage.tokens)
        running.note = LENGTH if finished.reason is FinishReason.LENGTH else ""
        return text

    @asynccontextmanager
    async def _turn(self, running: _Running) -> AsyncIterator[None]:
        """A place in the queue while the body runs. One that is full is waited for: the summary has
        begun."""
        person, lane = running.person.key, running.served.name
        while True:
            try:
                ticket = self._queue.join(f"summary for {person}", person, lane=lane)
                break
            except Busy:
                await self._clock.sleep(FULL_SECONDS)
        try:
            await self._queue.turn(ticket, lambda _: None)
            yield
        finally:
            self._queue.leave(ticket)

    async def _generate(self, running: _Running, prompt: Prompt, most: int) -> tuple[str, Finished]:
        generator = running.served.generator
        bounds = await running.served.window.bounds(running.where)
        sampling = bounds.sampling_of(await generator.count(prompt), most)
        pieces: list[str] = []
        stream = resuming_stream(generator, prompt, sampling, _never_smaller)
        async with aclosing(stream):
            async for piece in stream:
                if isinstance(piece, Finished):
                    return "".join(pieces).strip(), piece
                if isinstance(piece, str):
                    pieces.append(piece)
                elif piece.whole:
                    pieces.clear()
        raise GenerationError("a stream ended without its end")


async def _never_smaller(_text: str, _thought: str) -> None:
    """A step is not packed again: where it does not fit any more, all is divided anew."""


def _outcome(work: asyncio.Future[str], note: str) -> Summary:
    error = work.exception()
    if error is None:
        text = work.result()
        return Summary(text, note=note) if text.strip() else Summary(NOTHING_SAID, failed=True)
    if isinstance(error, ParleyError):
        logger.warning("a summary failed: %s", error)
        return Summary(error.user_text, failed=True)
    logger.error("a summary failed by a defect of Parley", exc_info=error)
    return Summary(DEFECT, failed=True)


async def _delivered(summary: Summary, deliver: Deliver) -> bool:
    """False where the platform cannot be reached now: the next start tries again."""
    try:
        await deliver(summary)
    except SurfaceBusy as error:
        logger.warning("a summary could not be delivered for now: %s", error)
        return False
    except ParleyError as error:
        logger.warning("a summary could not be delivered: %s", error)
    return True
