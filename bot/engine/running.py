"""The answers that wait or are being written, and the queue in which they wait."""

import asyncio
import contextlib
from collections.abc import Collection, Coroutine, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

from bot.engine.checkpoints import Checkpoints
from bot.engine.job import Job
from bot.engine.queue import FairQueue, Ticket
from bot.engine.runner import Runner
from bot.errors import ShuttingDown
from bot.messages import ConversationKey, Person


class Running:
    """Starts answers and ends them with the engine. An async context manager: leaving it saves
    unfinished answers."""

    def __init__(
        self,
        queue: FairQueue,
        runner: Runner,
        checkpoints: Checkpoints,
        lane: str | None = "",
    ) -> None:
        """`lane`: that in which answers begin to wait (`FairQueue.join`)."""
        self.queue = queue
        self._lane = lane
        self.jobs: dict[int, Job] = {}
        """By answer id, in the order in which they were taken up."""
        self.open = False
        """Whether questions are accepted: from entering until leaving."""
        self._runner = runner
        self._checkpoints = checkpoints
        self._tasks = asyncio.TaskGroup()
        self._saver: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self.open = True
        self._saver = self._tasks.create_task(self._checkpoints.save_regularly(self.jobs))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.open = False
        if self._saver is not None:
            self._saver.cancel()
        await self.abandon(list(self.jobs.values()))
        await self._checkpoints.save_ends()
        # without the body's own exception, which the group would wrap
        await self._tasks.__aexit__(None, None, None)

    async def abandon(self, jobs: Sequence[Job]) -> None:
        """End these answers without closing them; what they have is saved."""
        tasks = [job.task for job in jobs if job.task is not None]
        for job in jobs:
            job.abandoned = True
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._checkpoints.save(jobs)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Run `work`, which raises nothing, beside the answers; not once the engine is left: None
        then."""
        if self.open:
            return self._tasks.create_task(work)
        work.close()
        return None

    # ------------------------------------------------------------ starting

    def check_open(self) -> None:
        """Raise ShuttingDown once the engine is being left."""
        if not self.open:
            raise ShuttingDown("a message came during shutdown")

    def join(
        self, conversation: ConversationKey, person: Person, *, replacing: Ticket | None = None
    ) -> Ticket:
        """A place in the queue. Raises Busy."""
        return self.queue.join(str(conversation), person.key, replacing=replacing, lane=self._lane)

    @contextlib.contextmanager
    def joining(
        self, conversation: ConversationKey, person: Person, *, replacing: Ticket | None = None
    ) -> Iterator[Ticket]:
        """A place in the queue that is released where the body raises; in that of `replacing`,
        which is about to leave. Raises Busy, and ShuttingDown once the engine is being left."""
        self.check_open()
        ticket = self.join(conversation, person, replacing=replacing)
        try:
            yield ticket
        except BaseException:
            self.queue.leave(ticket)
            raise

    def start(self, job: Job) -> Job:
        """Run the answer. One that was accepted while the engine is being left stays in the
        database, for `Engine.recover`."""
        if not self.open:
            if job.ticket is not None:
                self.queue.leave(job.ticket)
            job.mark_ended()
            return job
        self.jobs[job.id] = job
        job.task = self._tasks.create_task(self._run(job))
        return job

    async def _run(self, job: Job) -> None:
        try:
            await self._runner.run(job)
        finally:
            self.jobs.pop(job.id, None)
            self._checkpoints.ended(job)

    # ------------------------------------------------------------ one in place of another

    async def in_place_of(self, answer_id: int, old: Job | None, job: Job) -> Job:
        """`job`, which takes over the messages of the answer `answer_id`: those that `old`, or an
        answer whose end is not recorded yet, knows too, and the database does not. Raises as
        `ended_for`."""
        if (shown := self.jobs.get(answer_id)) is not None:
            # its end is being shown again, after a deletion that failed meanwhile
            await self.ended_for(shown)
            old = shown
        old = self._checkpoints.take(answer_id) or old
        if old is not None and set(old.messages) - set(job.answer.messages):
            job.answer = replace(job.answer, messages=old.messages, settled=0)
            job.messages, job.unrecorded = old.messages, True
        return job

    @staticmethod
    async def ended_for(old: Job) -> None:
        """End an answer for what takes its place, so that all of its messages are known. Raises
        ShuttingDown where Parley is left before they are: the answer stays unfinished, and the next
        run finds them, and the change, again."""
        old.supersede()
        await old.ended()
        if old.abandoned and old.doubtful:
            raise ShuttingDown("a message may be on its way")

    def at(self, places: Collection[ConversationKey]) -> list[Job]:
        """Those of these conversations, and those that are shown in these threads."""
        jobs = self.jobs.values()
        return [job for job in jobs if not job.answer.question.places.isdisjoint(places)]

    def to(self, person: Person) -> list[Job]:
        """The answers to this person that wait or are being written."""
        return [job for job in self.jobs.values() if job.answer.question.author.key == person.key]

    def of(self, conversations: Collection[ConversationKey]) -> list[Job]:
        """The answers of these conversations that wait or are being written."""
        jobs = self.jobs.values()
        return [job for job in jobs if job.answer.question.conversation in conversations]
