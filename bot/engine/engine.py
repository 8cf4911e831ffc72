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
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from bot.clock import Clock
from bot.delivery import Delivery
from bot.engine.checkpoints import Checkpoints
from bot.engine.cleanup import Cleanup
from bot.engine.job import Job, Outcome
from bot.engine.models import FurtherModel, Models, Served
from bot.engine.packing import Packed
from bot.engine.queue import FairQueue, Ticket
from bot.engine.runner import Runner
from bot.engine.settings import settings_in
from bot.engine.variables import PromptVariables
from bot.engine.window import ContextWindow, WindowOptions
from bot.errors import (
    Busy,
    NotAllowed,
    NothingToDo,
    ParleyError,
    Refusal,
    ShuttingDown,
    TooLong,
)
from bot.locks import KeyedLocks
from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, ModelInfo, Person, Question
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
)
from bot.recent import Seen

logger = logging.getLogger(__name__)

SEEN_EVENTS = 4096
"""Event ids kept in memory, so that a duplicate is not even refused for a full queue. The store
keeps them for longer."""

PROMPT_SECONDS = 5.0
"""How long a verdict may wait for the prompt that is kept with it."""

NOT_BEGUN = (
    "This answer was stopped for your edit, which then failed. Edit the question again, or press a "
    "button."
)
"""Below an answer that an edit stopped and did not replace."""
NOT_DELETED = (
    "This answer was stopped with its deleted question, but could not be deleted from my "
    "history. `forget me` deletes all that you asked."
)
"""Below an answer whose deletion failed."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """What the configuration says to the engine."""

    window: WindowOptions
    slots: int
    """Answers that are generated at the same time."""
    queue: int
    """Questions that may wait."""
    queue_per_person: int
    """Questions of one person that may wait or be answered."""
    quota: Quota
    question_characters: int
    """The longest question."""
    delete_with_question: bool = field(default=False, kw_only=True)
    """Delete the messages that show an answer when its question is deleted; else they only lose
    their buttons."""
    checkpoint_interval: float
    """Seconds between two checkpoints of an unfinished answer's text."""


@dataclass(frozen=True, slots=True)
class FurtherStatus:
    """One of the further models."""

    name: str
    """That of ``[models.NAME]``."""
    model: ModelInfo | None
    """None as long as its servers never answered."""
    up: bool
    """Whether its servers answered when they were last asked."""
    writing: int
    slots: int
    """Answers that it may generate at the same time."""


@dataclass(frozen=True, slots=True)
class Status:
    """What Parley is doing now."""

    model: ModelInfo
    writing: int
    """Answers that are being generated."""
    waiting: int
    """Questions in the queue."""
    tokens_per_second: float
    """Decoding speed of the answer that ended last; 0.0 before the first."""
    generated: int = 0
    """Tokens that were generated since the start, those of thoughts included."""
    thinking: int = 0
    """How many of them were thought."""
    further: tuple[FurtherStatus, ...] = ()
    """The further models."""


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
        further: Mapping[str, FurtherModel] | None = None,
    ) -> None:
        """`further`: the models of ``[models.NAME]``, which start by themselves."""
        self.observer: Observer = observer or NoObserver()
        """Is told what happens; adapters tell it of their connections."""
        self._generator = generator
        self._store = store
        self._clock = clock
        self._options = options
        self.variables = PromptVariables(clock, options.window.now)
        """Of system prompts; adapters register what their places are called."""
        every = {"": FurtherModel(generator, options.slots), **(further or {})}
        default, *others = (
            Served(
                name,
                model.generator,
                ContextWindow(model.generator, store, options.window, self.variables),
                model.slots,
                model.reachable,
            )
            for name, model in every.items()
        )
        self.models = Models(default, others, store)
        """The models that answer."""
        self._queue = FairQueue(
            slots=options.slots,
            bound=options.queue,
            bound_per_person=options.queue_per_person,
            lanes=self.models.lanes,
        )
        self._runner = Runner(self.models, store, delivery, self._queue, clock, self.observer)
        self._jobs: dict[int, Job] = {}
        self._arrivals: KeyedLocks[ConversationKey] = KeyedLocks()
        self._seen: Seen[tuple[str, str]] = Seen(SEEN_EVENTS)
        self._checkpoints = Checkpoints(store, self._runner, clock, options.checkpoint_interval)
        self._cleanup = Cleanup(store, clock, delete_messages=options.delete_with_question)
        self._open = False
        self._tasks = asyncio.TaskGroup()
        self._saver: asyncio.Task[None] | None = None
        self._reaching: asyncio.Task[None] | None = None

    # ------------------------------------------------------------ life

    async def __aenter__(self) -> Self:
        """Load the model. Raises ModelError."""
        self.models.default.window.use(await self._generator.start())
        await self._tasks.__aenter__()
        self._open = True
        self._reaching = self._tasks.create_task(self.models.reach_further(self._clock))
        self._saver = self._tasks.create_task(self._checkpoints.save_regularly(self._jobs))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        for task in (self._saver, self._reaching):
            if task is not None:
                task.cancel()
        await self._abandon(list(self._jobs.values()))
        await self._checkpoints.save_ends()
        # without the body's own exception, which the group would wrap
        await self._tasks.__aexit__(None, None, None)

    async def leave(self, platform: str) -> None:
        """Stop answering on this platform, whose connection is about to close. Calls in flight are
        awaited, for a few seconds at most, so that a message that was posted is also recorded; the
        answers stay unfinished, for `recover`. No question of this platform may follow.
        Idempotent."""
        await self._abandon(
            [
                job
                for job in self._jobs.values()
                if job.answer.question.conversation.platform == platform
            ]
        )

    async def _abandon(self, jobs: Sequence[Job]) -> None:
        tasks = [job.task for job in jobs if job.task is not None]
        for job in jobs:
            job.abandoned = True
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._checkpoints.save(jobs)

    async def finish(self) -> None:
        """Wait until every question that was accepted is answered and shown."""
        while self._jobs:
            await asyncio.gather(*(job.ended() for job in list(self._jobs.values())))

    async def check(self, question: Question) -> None:
        """Raise what `ask` would raise now, and change nothing: before something else is done for
        the question, such as opening a thread. `ask` checks again."""
        if (question.conversation.platform, question.event_id) in self._seen:
            return
        self._check_text(question)
        self._check_open()
        self._queue.check(question.author.key)
        await self._check(question)
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
            if answer.question.conversation.platform != platform or answer.id in self._jobs:
                continue
            if surface := await find(answer):
                resumed.append(self._resume(answer, surface, resume=resume))
            else:
                await self._close_lost(answer)
        if self._open and conversation is None:
            self._tasks.create_task(self._cleanup.leftovers(platform, find))
        return resumed

    def _resume(self, answer: StoredAnswer, surface: Surface, *, resume: bool) -> Job:
        ticket: Ticket | None = None
        if answer.state.open and resume:
            with contextlib.suppress(Busy):  # more than the queue holds: marked as interrupted
                ticket = self._join(answer.question.conversation, answer.question.author)
        job = Job(answer, surface, ticket)
        job.resumed = True
        if not answer.state.open:  # complete, but perhaps not shown to its end
            job.outcome = Outcome(answer.state, answer.usage)
        elif ticket is None:
            job.outcome = Outcome(AnswerState.INTERRUPTED, answer.usage)
        return self._start(job)

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
        nothing recorded. Questions of one conversation are answered in the order of these calls.
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
        self._check_text(question)
        with self._joining(question.conversation, question.author) as ticket:
            async with self._arrivals(question.conversation):
                await self._check(question)
                answer = await self._store.accept(question, self._options.quota)
        self._seen.add(event)
        if answer is None:
            self._queue.leave(ticket)
            return None
        return self._start(Job(answer, surface, ticket))

    async def regenerate(
        self,
        conversation: ConversationKey,
        by: Person,
        find: SurfaceFinder,
        *,
        answer_id: int | None = None,
    ) -> Job:
        """Answer a question of this conversation again, in the same messages: the question of
        `answer_id`, or the newest. Raises NothingToDo (also for an answer of another
        conversation), NotAllowed, Busy, OverQuota."""
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
        """The question in `message_id` has a new text. Where it is the newest of its conversation
        it is answered again in the same messages; otherwise only the history changes. False where
        no such question is known.

        Everything is checked before anything changes: where it raises (as `ask` does), the old
        text and the old answer stay, and an answer that is being written is not disturbed.
        """
        found = await self._store.find_question(conversation, message_id)
        if found is None:
            return False
        if found.question.text == text:
            return True
        self._check_length(text)
        newest = await self._store.exchanges(conversation, limit=1)
        surface = await find(found)
        if surface is None or not newest or newest[0].question_id != found.question_id:
            self._runner.prompts.clear()
            await self._store.edit_question(conversation, message_id, text)
            return True
        try:
            await self._answer_edited(found, text, surface)
        except NothingToDo:
            if not await self._deleted_meanwhile(found):
                raise
        return True

    async def _answer_edited(self, found: StoredAnswer, text: str, surface: Surface) -> None:
        author, conversation = found.question.author, found.question.conversation
        await self._check(replace(found.question, text=text))
        await self._store.check_quota(author, self._options.quota)
        old = self._jobs.get(found.id)
        with self._joining(conversation, author, replacing=old.ticket if old else None) as ticket:
            if old is not None:
                await self._ended_for(old)
            try:
                self._runner.prompts.clear()
                await self._store.edit_question(conversation, found.question.message_id, text)
                answer = await self._store.reopen(found.id, author, self._options.quota, anew=True)
            except Exception:
                # of a deleted question nothing is to be shown: the deletion clears what is left
                if old is not None and not await self._deleted_meanwhile(found):
                    self._show_end_of(old, surface)
                raise
        self._start(self._in_place_of(found.id, old, Job(answer, surface, ticket)))

    def _in_place_of(self, answer_id: int, old: Job | None, job: Job) -> Job:
        """`job`, which takes over the messages of the answer `answer_id`: those that `old`, or an
        answer whose end is not recorded yet, knows too, and the database does not."""
        old = self._checkpoints.take(answer_id) or old
        if old is not None and set(old.messages) - set(job.answer.messages):
            job.answer = replace(job.answer, messages=old.messages, settled=0)
            job.messages, job.unrecorded = old.messages, True
        return job

    async def _deleted_meanwhile(self, found: StoredAnswer) -> bool:
        """Whether the question of this answer is known to be deleted."""
        question = found.question
        try:
            return not await self._store.find_question(question.conversation, question.message_id)
        except Exception as error:  # whatever a driver raises: then it is not known
            logger.warning("whether a question was deleted is unknown: %s", error)
            return False

    async def _ended_for(self, old: Job) -> None:
        """End an answer for what takes its place, so that all of its messages are known. Raises
        ShuttingDown where Parley is left before they are: the answer stays unfinished, and the next
        run finds them, and the change, again."""
        old.supersede()
        await old.ended()
        if old.abandoned and old.doubtful:
            raise ShuttingDown("a message may be on its way")

    def _show_end_of(self, old: Job, surface: Surface, note: str = NOT_BEGUN) -> None:
        """Show the end of an answer that was stopped quietly for a change that failed."""
        assert old.outcome is not None
        answer = replace(
            old.answer,
            state=old.outcome.state,
            text=old.text,
            thought=old.thought,
            messages=old.messages,
            settled=0,
        )
        job = Job(answer, surface, None)
        job.outcome = replace(old.outcome, note=note)
        job.recorded, job.unsaved = old.recorded, old.unsaved
        job.unrecorded = True
        self._start(job)

    async def question_deleted(
        self, conversation: ConversationKey, message_id: str, find: SurfaceFinder
    ) -> bool:
        """The question in `message_id` was deleted: its answer is stopped, both are deleted, and
        the messages that show the answer lose their buttons or are deleted, now or at the next
        start. False where no such question is known. Raises ShuttingDown, with nothing deleted,
        once the engine is being left: messages on their way could not be cleared any more.

        An answer that is being shown ends first, so that a crash meanwhile leaves no message that
        is not recorded."""
        self._check_open()
        old = await self._ended_for_deletion(conversation, message_id)
        remove = self._options.delete_with_question or (old is not None and not old.text_shown)
        try:
            self._runner.prompts.clear()
            found = await self._store.delete_question(conversation, message_id, remove=remove)
        except Exception:
            if old is not None:
                self._show_end_of(old, old.surface, NOT_DELETED)
            raise
        if found is None:
            return False
        job = self._jobs.get(found.id)
        if job is not None:
            job.supersede()
        job = job or (old if old is not None and old.id == found.id else None)
        if self._open:
            self._tasks.create_task(self._cleanup.after(found, job, find))
        return True

    async def _ended_for_deletion(
        self, conversation: ConversationKey, message_id: str
    ) -> Job | None:
        """The answer of this question, ended, where it was being shown."""
        found = await self._store.find_question(conversation, message_id)
        job = self._jobs.get(found.id) if found is not None else None
        if job is not None:
            await self._ended_for(job)
        return job

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
        channel's own questions opened. Returns how many were stopped. Raises NothingToDo where
        there is none (and says so of an answer of another conversation), NotAllowed where one
        belongs to somebody else and `by` is no admin."""
        if answer_id is not None:
            here = [job for job in self._jobs_in({conversation}) if job.id == answer_id]
            if not here:
                await self._answer_in(conversation, answer_id)
        else:
            reach = await self._with_own_threads(conversation)
            here = [
                job
                for job in self._jobs_in(reach)
                if everyone or job.answer.question.author.key == by.key
            ]
        if any(not _may(by, job.answer) for job in here):
            raise NotAllowed("Only who asked, or an admin, can stop this answer.")
        stopped = sum(job.stop() for job in here)
        if not stopped:
            raise NothingToDo("Nothing is being answered here that could be stopped.")
        return stopped

    async def reset(self, conversation: ConversationKey, by: Person) -> int:
        """Restart the conversation: no later prompt holds what was said before, which stays stored;
        answers in it are stopped. Returns how many exchanges are hidden. Raises NotAllowed where
        `by` is no admin of the place."""
        if not by.admin:
            raise NotAllowed("Only an admin can reset this conversation.")
        for job in self._jobs_in({conversation}):
            job.stop()
        return await self._store.reset(conversation)

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        """The settings of this conversation itself; a thread's channel may have others."""
        return await self._store.settings(conversation)

    async def change_settings(
        self, conversation: ConversationKey, by: Person, settings: ConversationSettings
    ) -> None:
        """Replace them. Raises NotAllowed where `by` is no admin of the place."""
        if not by.admin:
            raise NotAllowed("Only an admin can change the settings of this conversation.")
        await self._store.change_settings(conversation, settings)
        await self._assign_anew(conversation)

    async def _assign_anew(self, place: ConversationKey) -> None:
        """Let the questions that wait here, and in its threads, wait for the model that is chosen
        now."""
        for job in list(self._jobs.values()):
            where = job.answer.question.conversation
            if job.ticket is not None and place in (where, replace(where, thread="")):
                self._queue.assign(job.ticket, (await self.models.of(where)).served.name)

    async def rate(
        self, conversation: ConversationKey, by: Person, answer_id: int, verdict: int
    ) -> None:
        """Record a person's verdict on an answer of this conversation: +1, -1, or 0 to withdraw it.
        Raises NothingToDo where the conversation has no such answer."""
        answer = await self._answer_in(conversation, answer_id)
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
                window = (await self.models.of(answer.question.conversation)).served.window
                return await window.recorded(answer)
        except (ParleyError, TimeoutError) as error:
            logger.warning("answer %d: its prompt cannot be kept: %s", answer.id, error)
            return None

    async def thought(self, conversation: ConversationKey, answer_id: int) -> str:
        """What the model thought before an answer of this conversation; "" for nothing. Raises
        NothingToDo where the conversation has no such answer."""
        return (await self._answer_in(conversation, answer_id)).thought

    async def forget(self, person: Person) -> int:
        """Delete all that this person asked, with the answers, for good; their unfinished answers
        are stopped. Answers to others stay, also where they quote this person. Returns how many
        exchanges were deleted. Others are answered meanwhile; calls for one person at the same time
        share the work (see `Archive.forget`)."""
        for job in list(self._jobs.values()):
            if job.answer.question.author.key == person.key:
                job.stop()
        return await self._without_prompts(self._store.forget(person=person.key))

    async def forget_conversation(self, conversation: ConversationKey) -> int:
        """Delete a conversation with its settings, for good; its unfinished answers are stopped.
        For the operator. Returns how many exchanges were deleted."""
        for job in self._jobs_in({conversation}):
            job.stop()
        return await self._without_prompts(self._store.forget(conversation=conversation))

    async def _without_prompts(self, deletion: Awaitable[int]) -> int:
        """Run the deletion; afterwards no prompt is kept that may quote what it deleted."""
        self._runner.prompts.clear()
        try:
            return await deletion
        finally:
            self._runner.prompts.clear()

    @property
    def running(self) -> tuple[Job, ...]:
        """The answers that wait or are being written, in the order in which they were accepted."""
        return tuple(self._jobs.values())

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

    def _check_open(self) -> None:
        if not self._open:
            raise ShuttingDown("a message came during shutdown")

    def _join(self, conversation: ConversationKey, person: Person) -> Ticket:
        return self._queue.join(str(conversation), person.key, lane=self._lane)

    @property
    def _lane(self) -> str | None:
        """Of a ticket whose conversation's settings were not read yet."""
        return None if self.models.further else ""

    @contextlib.contextmanager
    def _joining(
        self, conversation: ConversationKey, person: Person, *, replacing: Ticket | None = None
    ) -> Iterator[Ticket]:
        """A place in the queue that is released where the body raises; in that of `replacing`,
        which is about to leave. Raises Busy, and ShuttingDown once the engine is being left."""
        self._check_open()
        ticket = self._queue.join(
            str(conversation), person.key, replacing=replacing, lane=self._lane
        )
        try:
            yield ticket
        except BaseException:
            self._queue.leave(ticket)
            raise

    def _start(self, job: Job) -> Job:
        """Run the answer. One that was accepted while the engine is being left stays in the
        database, for `recover`."""
        if not self._open:
            if job.ticket is not None:
                self._queue.leave(job.ticket)
            job.mark_ended()
            return job
        self._jobs[job.id] = job
        job.task = self._tasks.create_task(self._run(job))
        return job

    async def _run(self, job: Job) -> None:
        try:
            await self._runner.run(job)
        finally:
            self._jobs.pop(job.id, None)
            self._checkpoints.ended(job)

    def _jobs_in(self, conversations: Collection[ConversationKey]) -> list[Job]:
        """The answers of these conversations that wait or are being written."""
        jobs = self._jobs.values()
        return [job for job in jobs if job.answer.question.conversation in conversations]

    async def _with_own_threads(self, place: ConversationKey) -> set[ConversationKey]:
        """`place` and, for a channel, those threads with unfinished answers that a question of it
        opened. A thread carries the id of the message that it was opened on."""
        reach = {place}
        if place.thread:
            return reach
        for thread in {job.answer.question.conversation for job in self._jobs.values()}:
            if not thread.thread or replace(thread, thread="") != place:
                continue
            for conversation in (thread, place):
                if await self._store.find_question(conversation, thread.thread):
                    reach.add(thread)
        return reach

    async def _answer_in(
        self, conversation: ConversationKey, answer_id: int | None
    ) -> StoredAnswer:
        """The answer, or the newest one, of this conversation. Raises NothingToDo: a button that is
        pressed elsewhere reaches nothing, whatever number it carries."""
        where = conversation if answer_id is None else None  # a reset hides, but buttons remain
        found = await self._store.answers(answer_id=answer_id, conversation=where, limit=1)
        if not found or found[0].question.conversation != conversation:
            raise NothingToDo("There is no such answer any more.")
        return found[0]

    async def _again(
        self,
        conversation: ConversationKey,
        by: Person,
        find: SurfaceFinder,
        answer_id: int | None,
        *,
        anew: bool,
    ) -> Job:
        old = await self._answer_in(conversation, answer_id)
        if not _may(by, old):
            raise NotAllowed("Only who asked, or an admin, can have this answered again.")
        if old.id in self._jobs or old.state.open:
            raise NothingToDo("This answer is still being written.")
        if not anew and old.state is AnswerState.DONE:
            raise NothingToDo("This answer came to its own end; there is nothing to continue.")
        surface = await find(old)
        if surface is None:
            raise NothingToDo("There is no such answer any more.")
        with self._joining(old.question.conversation, by) as ticket:
            answer = await self._store.reopen(old.id, by, self._options.quota, anew=anew)
        return self._start(self._in_place_of(old.id, None, Job(answer, surface, ticket)))

    def _check_text(self, question: Question) -> None:
        if not question.text.strip():
            raise NothingToDo("Ask me something: the question is empty.")
        self._check_length(question.text)

    def _check_length(self, text: str) -> None:
        most = self._options.question_characters
        if len(text) > most:
            raise TooLong(
                f"This question has {len(text):,} characters; the most I take is {most:,}."
            )

    async def _check(self, question: Question) -> None:
        settings = await settings_in(self._store, question.conversation)
        if settings.muted and not question.author.admin:
            raise NotAllowed("I am muted here.")
        await self.models.chosen(settings).served.window.check(question, settings)


def _may(by: Person, answer: StoredAnswer) -> bool:
    return by.admin or by.key == answer.question.author.key
