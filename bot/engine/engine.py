"""The engine: accepts questions, has them answered, and keeps order.

A question enters at `Engine.ask`. It is refused, or it is in the database before anything is
generated for it. It waits in the fair queue (`bot.engine.queue`), its prompt is packed into the
context window (`bot.engine.packing`), the model generates (`bot.ports.Generator`), delivery shows
the text (`bot.delivery`), and the store keeps it. The engine knows no platform, SQL or model.

Use it as an async context manager: leaving it saves unfinished answers, and `recover` resumes them
at the next start.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from bot import admin_log
from bot.admin_log import questions
from bot.clock import Clock
from bot.delivery import Delivery
from bot.engine.admission import Admission
from bot.engine.ahead import Ahead, begin_ahead
from bot.engine.changes import QuestionChanges
from bot.engine.checkpoints import Checkpoints
from bot.engine.cleanup import Cleanup
from bot.engine.job import Job, Outcome
from bot.engine.meant import answer_in, answer_meant
from bot.engine.models import Models, ModelSlots
from bot.engine.options import EngineOptions, FurtherStatus, Status
from bot.engine.packing import Packed
from bot.engine.queue import FairQueue, Ticket
from bot.engine.runner import Runner
from bot.engine.running import Running
from bot.engine.summaries import Summaries
from bot.engine.surroundings import SurroundingsReader
from bot.engine.variables import PromptVariables
from bot.engine.window import ContextWindow
from bot.errors import Busy, NotAllowed, NothingToDo, ParleyError, Refusal
from bot.locks import KeyedLocks
from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, Person, Question
from bot.observer import AnswerRated, NoObserver, Observer, QuestionAccepted, QuestionRefused
from bot.ports import (
    AnswerState,
    ConversationSettings,
    Generator,
    Quota,
    Store,
    StoredAnswer,
    Surface,
    SurfaceFinder,
    Surroundings,
)
from bot.recent import Seen

logger = logging.getLogger(__name__)

SEEN_EVENTS = 4096
"""Event ids kept in memory, so that a duplicate is not even refused for a full queue. The store
keeps them for longer."""

PROMPT_SECONDS = 5.0
"""How long a verdict may wait for the prompt that is kept with it."""


class Engine:
    """Answers questions. One for each process; for one event loop, not thread-safe."""

    def __init__(
        self,
        generator: Generator,
        store: Store,
        delivery: Delivery,
        clock: Clock,
        options: EngineOptions,
        observer: Observer | None = None,
        further: Mapping[str, ModelSlots] | None = None,
    ) -> None:
        """`further`: the models of ``[models.NAME]``, which are reached by themselves."""
        self.observer: Observer = observer or NoObserver()
        """Is told what happens; adapters tell it of their connections."""
        self._generator = generator
        self._store = store
        self._options = options
        self._clock = clock
        self.variables = PromptVariables(clock, options.window.now)
        """Of system prompts; adapters register what their places are called."""
        self._surroundings = SurroundingsReader(store, options.window.channel_context)
        self.models = Models(
            ModelSlots(generator, options.slots),
            further or {},
            store,
            lambda model: ContextWindow(
                model, store, options.window, self.variables, self._surroundings
            ),
        )
        """The models that answer."""
        self._reaching: asyncio.Task[None] | None = None
        self._queue = FairQueue(
            slots=options.slots,
            bound=options.queue,
            bound_per_person=options.queue_per_person,
            parallel=options.parallel,
            lanes=self.models.lanes,
        )
        self._admission = Admission(store, self.models, options.question_characters)
        self._runner = Runner(self.models, store, delivery, self._queue, clock, self.observer)
        self._arrivals: KeyedLocks[ConversationKey] = KeyedLocks()
        self._seen: Seen[tuple[str, str]] = Seen(SEEN_EVENTS)
        checkpoints = Checkpoints(store, self._runner, clock, options.checkpoint_interval)
        lane = None if further else ""  # which model answers is looked up first
        self._running = Running(self._queue, self._runner, checkpoints, lane)
        remove = options.delete_with_question
        self._cleanup = Cleanup(store, clock, delete_messages=remove)
        self._changes = QuestionChanges(
            store,
            self._running,
            self._admission,
            self._runner.prompts,
            self._cleanup,
            options.quota,
            delete_messages=remove,
        )
        self.summaries = Summaries(
            self.models,
            store,
            self._queue,
            clock,
            options.quota,
            self._running.spawn,
        )

    # ------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        """Load the model. Raises ModelError."""
        self.models.default.window.use(await self._generator.start())
        await self._running.__aenter__()
        self._reaching = asyncio.create_task(self.models.reach_further(self._clock))
        self.summaries.open = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._reaching is not None:
            self._reaching.cancel()
            await asyncio.wait([self._reaching])
        self.summaries.open = False
        await self.summaries.leave()
        await self._running.__aexit__(exc_type, exc, traceback)

    async def leave(self, platform: str) -> None:
        """Stop answering on this platform, whose connection is about to close. Calls in flight are
        awaited, for a few seconds at most, so that a message that was posted is also recorded; the
        answers stay unfinished, for `recover`. No question of this platform may follow.
        Idempotent."""
        await self.summaries.leave(platform)
        await self._running.abandon(
            [
                job
                for job in self._running.jobs.values()
                if job.answer.question.conversation.platform == platform
            ]
        )

    async def finish(self) -> None:
        """Wait until every question that was accepted is answered and shown."""
        while self._running.jobs:
            await asyncio.gather(*(job.ended() for job in list(self._running.jobs.values())))

    def read_surroundings(self, platform: str, source: Surroundings) -> None:
        """Read with `source` what people said around questions on this platform, in place of the
        one before. To be called before `recover`."""
        self._surroundings.register(platform, source)

    async def check(self, question: Question) -> None:
        """Raise what `ask` would raise now, and change nothing: before something else is done for
        the question, such as opening a thread. `ask` checks again."""
        if (question.conversation.platform, question.event_id) in self._seen:
            return
        self._admission.check_text(question)
        self._running.check_open()
        self._queue.check(question.author.key)
        await self._admission.check(question)
        await self._store.check_quota(question.author, self._options.quota)

    async def recover(
        self,
        platform: str,
        find: SurfaceFinder,
        *,
        resume: bool,
        conversation: ConversationKey | None = None,
    ) -> list[Job]:
        """Resume what an earlier run left unfinished on this platform (in this conversation).

        With `resume`, answers continue from their text in their messages; else they are marked as
        interrupted. An answer whose place no longer exists is closed. To be called once, before new
        questions.
        """
        resumed: list[Job] = []
        unfinished = await self._store.answers(unfinished=True, conversation=conversation)
        for answer in reversed(unfinished):
            if answer.question.conversation.platform != platform or answer.id in self._running.jobs:
                continue
            if surface := await find(answer):
                resumed.append(self._resume(answer, surface, resume=resume))
            else:
                await self._close_lost(answer)
        if conversation is None:
            self._running.spawn(self._cleanup.leftovers(platform, find))
        return resumed

    def _resume(self, answer: StoredAnswer, surface: Surface, *, resume: bool) -> Job:
        ticket: Ticket | None = None
        if answer.state.open and resume:
            with contextlib.suppress(Busy):  # more than the queue holds: marked as interrupted
                ticket = self._running.join(answer.question.conversation, answer.question.author)
        job = Job(answer, surface, ticket)
        job.resumed = True
        if not answer.state.open:  # complete, but perhaps not shown to its end
            job.outcome = Outcome(answer.state, answer.usage)
        elif ticket is None:
            job.outcome = Outcome(AnswerState.INTERRUPTED, answer.usage)
        return self._running.start(job)

    async def _close_lost(self, answer: StoredAnswer) -> None:
        """Close an unfinished answer whose place no longer exists."""
        if answer.state.open:
            await self._store.close(
                answer.id, AnswerState.INTERRUPTED, answer.text, answer.usage, answer.thought
            )
        await self._store.delivered(answer.id)

    # ------------------------------------------------------------ questions

    async def ask(self, question: Question, surface: Surface) -> Job | None:
        """Accept a question; its answer will be shown on `surface`.

        Returns when the question is in the database; None where the same event came before.
        Raises Refusal (NothingToDo, Busy, OverQuota, TooLong, NotAllowed) and StorageError, with
        nothing recorded. The questions of one person in one conversation are answered in the order
        of these calls.
        """
        platform = question.conversation.platform
        if (platform, question.event_id) in self._seen:
            return None
        try:
            job = await self._accept(question, surface)
        except Refusal as refusal:
            self.observer.observe(QuestionRefused(platform, type(refusal).__name__))
            raise
        if job is not None:
            self.observer.observe(QuestionAccepted(platform))
        return job

    async def _accept(self, question: Question, surface: Surface) -> Job | None:
        event = (question.conversation.platform, question.event_id)
        self._admission.check_text(question)
        with self._running.joining(question.conversation, question.author) as ticket:
            async with self._arrivals(question.conversation):
                settings = await self._admission.check(question)
                ahead = begin_ahead(self._runner.pack, question, settings, ticket)
                answer = await self._recorded(question, ahead)
        self._seen.add(event)
        if answer is None:
            self._queue.leave(ticket)
            return None
        job = Job(answer, surface, ticket)
        job.ahead = ahead
        return self._running.start(job)

    async def _recorded(self, question: Question, ahead: Ahead | None) -> StoredAnswer | None:
        """Record the question; one that is refused needs no prompt."""
        answer = None
        try:
            answer = await self._store.accept(question, self._options.quota)
        finally:
            if answer is None and ahead is not None:
                ahead.drop()
        return answer

    async def regenerate(
        self,
        conversation: ConversationKey,
        by: Person,
        find: SurfaceFinder,
        *,
        answer_id: int | None = None,
    ) -> Job:
        """Answer a question of this conversation again, in the same messages: the question of
        `answer_id`, or the newest that `by` asked, or else the newest. It keeps its place in the
        conversation: the model sees what stood before it. Raises NothingToDo (also for an answer of
        another conversation), NotAllowed, Busy, OverQuota."""
        return await self._again(conversation, by, find, answer_id, anew=True)

    async def continue_(
        self,
        conversation: ConversationKey,
        by: Person,
        find: SurfaceFinder,
        *,
        answer_id: int | None = None,
    ) -> Job:
        """Continue an answer that its length, a stop or a failure cut. Raises as `regenerate` does,
        and NothingToDo where the answer is complete."""
        return await self._again(conversation, by, find, answer_id, anew=False)

    async def question_edited(
        self, conversation: ConversationKey, message_id: str, text: str, find: SurfaceFinder
    ) -> bool:
        """The question in `message_id` has a new text: see `QuestionChanges.edited`."""
        return await self._changes.edited(conversation, message_id, text, find)

    async def question_deleted(
        self, conversation: ConversationKey, message_id: str, find: SurfaceFinder
    ) -> bool:
        """The question in `message_id` was deleted: see `QuestionChanges.deleted`."""
        return await self._changes.deleted(conversation, message_id, find)

    # ------------------------------------------------------------ control

    async def stop(
        self,
        conversation: ConversationKey,
        by: Person,
        *,
        answer_id: int | None = None,
        everyone: bool = False,
    ) -> int:
        """Stop answers that wait or are being written: the one of `answer_id` in this conversation,
        or all of this person's, or with `everyone` all; these two also in the threads that the
        channel's own questions opened. An answer that is shown in a thread is one of that thread
        too. Returns how many were stopped. Raises NothingToDo where
        there is none (and says so of an answer of another conversation), NotAllowed where one
        belongs to somebody else and `by` is no admin."""
        if answer_id is not None:
            here = [job for job in self._running.at({conversation}) if job.id == answer_id]
            if not here:
                await answer_in(self._store, conversation, answer_id)
        else:
            reach = await self._with_own_threads(conversation)
            here = [
                job
                for job in self._running.at(reach)
                if everyone or job.answer.question.author.key == by.key
            ]
        if any(not _may(by, job.answer) for job in here):
            raise NotAllowed("Only who asked, or an admin, can stop this answer.")
        stopped = [job for job in here if job.stop()]
        own = others = 0
        if answer_id is None:
            own = self.summaries.stop(person=by.key, conversations=reach)
            if everyone and by.admin:
                others = self.summaries.stop(conversations=reach)
        count = len(stopped) + own + others
        if not count:
            raise NothingToDo("Nothing is being answered here that could be stopped.")
        others += sum(job.answer.question.author.key != by.key for job in stopped)
        admin_log.stopped(by, conversation, others)
        return count

    async def reset(self, conversation: ConversationKey, by: Person) -> int:
        """Restart the conversation: no later prompt holds what was said before, which stays stored;
        answers in it are stopped. Returns how many exchanges are hidden. Raises NotAllowed where
        `by` is no admin of the place."""
        if not by.admin:
            raise NotAllowed("Only an admin can reset this conversation.")
        for job in self._running.of({conversation}):
            job.stop()
        hidden = await self._store.reset(conversation)
        admin_log.acted(by, conversation, f"restarted the conversation: {questions(hidden)} hidden")
        return hidden

    @property
    def quota(self) -> Quota:
        """What one person may use per day."""
        return self._options.quota

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        """The settings of this conversation itself; a thread's channel may have others."""
        return await self._store.settings(conversation)

    async def change_settings(
        self, conversation: ConversationKey, by: Person, settings: ConversationSettings
    ) -> None:
        """Replace them. Raises NotAllowed where `by` is no admin of the place."""
        if not by.admin:
            raise NotAllowed("Only an admin can change the settings of this conversation.")
        old = await self._store.settings(conversation)
        await self._store.change_settings(conversation, settings)
        admin_log.settings_changed(by, conversation, old, settings)
        await self._assign_anew(conversation)

    async def _assign_anew(self, place: ConversationKey) -> None:
        """Let the questions that wait here, and in its threads, wait for the model that is chosen
        now."""
        for job in list(self._running.jobs.values()):
            where = job.answer.question.conversation
            if job.ticket is not None and place in (where, replace(where, thread="")):
                self._queue.assign(job.ticket, (await self.models.of(where)).served.name)

    async def rate(
        self, conversation: ConversationKey, by: Person, answer_id: int, verdict: int
    ) -> None:
        """Record a person's verdict on an answer of this conversation: +1, -1, or 0 to withdraw it.
        Raises NothingToDo where the conversation has no such answer."""
        answer = await answer_in(self._store, conversation, answer_id)
        prompt = await self._prompt_of(answer) if verdict < 0 else None
        await self._store.rate(answer.id, by, verdict, prompt)
        self.observer.observe(AnswerRated(conversation.platform, verdict))

    async def _prompt_of(self, answer: StoredAnswer) -> RecordedPrompt | None:
        """What the model got for an answer; None where that cannot be told: the verdict counts all
        the same."""
        if (kept := self._runner.prompts.get(answer.id)) is not None:
            return kept
        try:
            async with asyncio.timeout(PROMPT_SECONDS):
                chosen = await self.models.of(answer.question.conversation)
                return await chosen.served.window.recorded(answer)
        except (ParleyError, TimeoutError) as error:
            logger.warning("answer %d: its prompt cannot be kept: %s", answer.id, error)
            return None

    async def thought(self, conversation: ConversationKey, answer_id: int) -> str:
        """What the model thought before an answer of this conversation; "" for nothing. Raises
        NothingToDo where the conversation has no such answer."""
        return (await answer_in(self._store, conversation, answer_id)).thought

    async def forget(self, person: Person) -> int:
        """Delete all that this person asked, with the answers, for good; their unfinished answers
        are stopped. Answers to others stay, also where they quote this person. Returns how many
        exchanges were deleted. Others are answered meanwhile; calls for one person at the same time
        share the work (see `Archive.forget`)."""
        stopped = self._running.to(person)
        self.summaries.stop(person=person.key)
        count = await self._forget(stopped, self._store.forget(person=person.key))
        for job in self._running.to(person):  # what they asked meanwhile may be deleted with it
            if not await self._store.answers(answer_id=job.id):
                job.forget()
        return count

    async def forget_conversation(self, conversation: ConversationKey) -> int:
        """Delete a conversation with its settings, for good; its unfinished answers are stopped.
        For the operator. Returns how many exchanges were deleted."""
        stopped = self._running.of({conversation})
        self.summaries.stop(conversations={conversation})
        count = await self._forget(stopped, self._store.forget(conversation=conversation))
        admin_log.operator_acted(conversation, f"deleted the conversation: {questions(count)}")
        return count

    async def _forget(self, answers: Sequence[Job], deletion: Awaitable[int]) -> int:
        """Stop these answers, and run the deletion; afterwards no prompt is kept that may quote
        what it deleted. Where it fails, the answers show their ends and say so."""
        for job in answers:
            job.forget()
        self._runner.prompts.clear()
        try:
            return await deletion
        except Exception:
            for job in answers:
                self._running.spawn(self._changes.not_forgotten(job))
            raise
        finally:
            self._runner.prompts.clear()

    @property
    def running(self) -> tuple[Job, ...]:
        """The answers that wait or are being written, in the order in which they were accepted."""
        return tuple(self._running.jobs.values())

    async def context(self, conversation: ConversationKey) -> Packed:
        """The prompt before the next question of this conversation."""
        return await (await self.models.of(conversation)).served.window.preview(conversation)

    @property
    def status(self) -> Status:
        """Raises nothing; only for an engine that was entered."""
        queue, runner = self._queue, self._runner
        return Status(
            self.models.default.window.model,
            queue.granted,
            queue.waiting,
            runner.last_speed,
            runner.generated,
            runner.thinking,
            tuple(
                FurtherStatus(
                    name,
                    served.window.known,
                    served.up,
                    queue.granted_in(name),
                    served.slots,
                )
                for name, served in self.models.further.items()
            ),
        )

    # ------------------------------------------------------------ inside

    async def _with_own_threads(self, place: ConversationKey) -> set[ConversationKey]:
        """`place` and, for a channel, those threads with unfinished answers that a question of it
        opened. A thread carries the id of the message that it was opened on."""
        reach = {place}
        if place.thread:
            return reach
        for thread in {job.answer.question.conversation for job in self._running.jobs.values()}:
            if not thread.thread or replace(thread, thread="") != place:
                continue
            for conversation in (thread, place):
                if await self._store.find_question(conversation, thread.thread):
                    reach.add(thread)
        return reach

    async def _again(
        self,
        conversation: ConversationKey,
        by: Person,
        find: SurfaceFinder,
        answer_id: int | None,
        *,
        anew: bool,
    ) -> Job:
        old = await answer_meant(self._store, conversation, by, answer_id)
        if not _may(by, old):
            raise NotAllowed("Only who asked, or an admin, can have this answered again.")
        if old.id in self._running.jobs or old.state.open:
            raise NothingToDo("This answer is still being written.")
        if not anew and old.state is AnswerState.DONE:
            raise NothingToDo("This answer came to its own end; there is nothing to continue.")
        surface = await find(old)
        if surface is None:
            raise NothingToDo("There is no such answer any more.")
        with self._running.joining(old.question.conversation, by) as ticket:
            answer = await self._store.reopen(old.id, by, self._options.quota, anew=anew)
            job = await self._running.in_place_of(old.id, None, Job(answer, surface, ticket))
        if by.key != old.question.author.key:
            how = "had answered again" if anew else "had continued"
            admin_log.acted(by, conversation, f"{how} an answer to another person: {old.id}")
        return self._running.start(job)


def _may(by: Person, answer: StoredAnswer) -> bool:
    return by.admin or by.key == answer.question.author.key
