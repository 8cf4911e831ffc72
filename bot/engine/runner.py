"""Turns one accepted question into an answer that is recorded and shown.

The steps, in order: wait in the queue; pack the prompt; generate, handing each piece of text to
delivery; record the answer; release the queue; show the end. An error of one answer is shown to its
person, logged, and touches no other answer.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from bot.clock import Clock, sleep_unless
from bot.delivery import Delivery, LiveAnswer
from bot.engine.ahead import Ready, make_ready
from bot.engine.job import Job, Outcome
from bot.engine.kept_prompts import KeptPrompts
from bot.engine.models import Models, Served
from bot.engine.packing import Packed
from bot.engine.queue import FairQueue
from bot.engine.resume import resuming_stream, usage_between
from bot.engine.settings import settings_in
from bot.errors import (
    GenerationError,
    MessageGone,
    ParleyError,
    StorageError,
    SurfaceBusy,
    SurfaceError,
)
from bot.logs import conversation_logged
from bot.measures import RecordedPrompt
from bot.messages import Finished, FinishReason, Prompt, Sampling, Thought, Usage
from bot.observer import AnswerEnded, NoObserver, Observer
from bot.ports import AnswerState, ConversationSettings, Store, StoredAnswer

logger = logging.getLogger(__name__)

NOT_SHOWN = (
    "I have an answer for you, but I was not allowed to show it where you asked. It is stored; ask "
    "an admin of that place to let me write there, then press Regenerate or ask again."
)
"""For a person whose answer the platform refused to show."""
WHISPER_PAUSES = (5.0, 10.0, 20.0, 40.0)
"""Seconds between attempts to tell a person so; where the platform asks to wait, as long as it
asks. A platform may refuse for a moment what it allows otherwise."""
SAVE_RETRIES = (0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
"""Seconds between attempts to record the end of an answer: in all longer than other writers usually
hold SQLite's lock."""
NOTHING_SAID = "The model had nothing to say."
ONLY_THOUGHT = "The model thought, but gave no answer. Press Regenerate to try again."
ONLY_THOUGHT_LENGTH = (
    "Thinking used up the length limit before an answer began. Press Regenerate to try again."
)
SHORT = "Memory ran out: from now on I see less of a conversation at a time."
"""For the person whose answer continued with a smaller context window."""
GONE = "The model {name} is not there any more, so the default one answered."
"""For the person in whose conversation a model is chosen that is not configured any more."""


class Runner:
    """Runs answers. Their state is in `Job`."""

    def __init__(
        self,
        models: Models,
        store: Store,
        delivery: Delivery,
        queue: FairQueue,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self._clock = clock
        self._observer = observer or NoObserver()
        self._models = models
        self._store = store
        self._delivery = delivery
        self._queue = queue
        self.prompts = KeptPrompts()
        """What the model got for the newest answers."""
        self.last_speed = 0.0
        """Decoding speed of the answer that ended last, in tokens a second."""
        self.generated = self.thinking = 0
        """Tokens of all answers that have ended, and how many of them were thought."""

    async def run(self, job: Job) -> None:
        """Run one answer to its end. Raises nothing but CancelledError; cancelled, it leaves the
        answer open, to be resumed."""
        with conversation_logged(job.answer.question.conversation, job.id):
            live: LiveAnswer | None = None
            try:
                async with self._delivery.open(
                    job.answer,
                    job.surface,
                    resumed=job.resumed,
                    unrecorded=job.unrecorded,
                    forgotten=job.forgotten,
                    save=partial(self._save_progress, job),
                ) as live:
                    if job.outcome is None:
                        job.outcome = await self._answer(job, live)
                        self.generated += job.outcome.usage.completion_tokens
                        self.thinking += job.outcome.usage.thinking_tokens
                    if live.failure is not None:
                        job.outcome = replace(job.outcome, state=AnswerState.INTERRUPTED)
                    self._measure(job)
                    if job.outcome.state is not job.answer.state:
                        await self._record(job)
                    self._leave(job)
                    await self._show_end(job, live)
            except SurfaceError as error:
                logger.warning("answer %d cannot be shown: %s", job.id, error)
            except StorageError as error:
                logger.error("answer %d: %s", job.id, error)
            except Exception:
                logger.exception("answer %d failed by a defect of Parley", job.id)
            finally:
                if live is not None:  # cancelled too: what was posted at the last moment counts
                    job.messages, job.text_shown = live.messages, live.text_shown
                    job.doubtful = live.doubtful
                self._leave(job)
                job.mark_ended()

    def _measure(self, job: Job) -> None:
        """Tell the observer of an answer that ended in this run; not of one whose end is only still
        to be shown."""
        if job.ticket is None or job.outcome is None:
            return
        self._observer.observe(
            AnswerEnded(
                answer_id=job.id,
                platform=job.answer.question.conversation.platform,
                model=self._served(job).label,
                state=job.outcome.state,
                usage=job.outcome.usage,
                waited=job.waited,
                window=job.window,
                further=bool(self._served(job).name),
            )
        )

    def _served(self, job: Job) -> Served:
        """The model that writes the answer; before one was chosen the default one."""
        return job.chosen.served if job.chosen else self._models.default

    async def _assign(self, job: Job) -> None:
        """Let the answer wait for a slot of its model."""
        if job.ticket is not None and self._models.further:
            chosen = await self._models.of(job.answer.question.conversation)
            self._queue.assign(job.ticket, chosen.served.name)

    def _leave(self, job: Job) -> None:
        if job.ticket is not None:
            self._queue.leave(job.ticket)

    async def _answer(self, job: Job, live: LiveAnswer) -> Outcome:
        """Generate until the answer ends, fails or is stopped."""
        async with asyncio.TaskGroup() as tasks:
            job.work = work = tasks.create_task(self._write(job, live))
            if job.stopped:
                work.cancel()
            others = [
                tasks.create_task(_stop_when_gone(job, live)),
                tasks.create_task(self._save_beginning(job)),
            ]
            await asyncio.wait([work])
            for other in others:
                other.cancel()
        if work.cancelled():  # by a person, or for another answer, which may fail to come
            state = AnswerState.INTERRUPTED if job.quiet else AnswerState.STOPPED
            return Outcome(state, await self._usage_so_far(job))
        return work.result()

    async def _write(self, job: Job, live: LiveAnswer) -> Outcome:
        try:
            assert job.ticket is not None, "only an answer that has ended has no ticket"
            joined = self._clock.monotonic()
            await self._assign(job)
            await self._queue.turn(job.ticket, live.place)
            job.waited = self._clock.monotonic() - joined
            job.state = AnswerState.WRITING
            prompt, sampling = await self._ready(job)
            repack = partial(self._packed_anew, job)
            resumed = resuming_stream(self._served(job).generator, prompt, sampling, repack)
            async with aclosing(resumed) as stream:
                async for piece in stream:
                    if isinstance(piece, Finished):
                        return self._ended(job, piece)
                    job.write(piece)
                    if isinstance(piece, Thought):
                        live.think(piece)
                    else:
                        live.write(piece)
            raise AssertionError("a stream ends with Finished or an exception")
        except ParleyError as error:
            logger.warning("answer %d failed: %s", job.id, error)
            return await self._failed(job, error)
        except Exception:
            # a defect, or a server that breaks its protocol: the answer fails like any other
            logger.exception("answer %d failed by a defect of Parley", job.id)
            return await self._failed(job, GenerationError("the answer failed by a defect"))

    async def _save_beginning(self, job: Job) -> None:
        """Save which history the answer was given, at once, so that it is the same after a crash.
        Nothing waits for it: later checkpoints, and the end, save it too."""
        await job.packed.wait()
        await self._save_progress(job)

    async def _save_progress(self, job: Job) -> bool:
        """Save the answer so far. Returns whether that was possible."""
        progress = job.progress
        try:
            await self._store.checkpoint(job.id, AnswerState.WRITING, *progress)
        except Exception as error:  # whatever a driver raises: the answer goes on
            logger.warning("answer %d: its beginning could not be saved yet: %s", job.id, error)
            return False
        job.saved = progress
        return True

    async def _failed(self, job: Job, error: ParleyError) -> Outcome:
        usage = await self._usage_so_far(job)
        return Outcome(AnswerState.FAILED, usage, error.user_text, error)

    async def _ready(self, job: Job) -> tuple[Prompt, Sampling]:
        ready = await self._packed(job)
        job.chosen, packed, job.snapshot = ready.chosen, ready.packed, ready.snapshot
        job.prompt, job.window, job.note = packed.prompt, packed.window, packed.note
        self._keep_prompt(job, packed)
        job.packed.set()
        logger.debug("answer %d: %d tokens of context", job.id, packed.tokens)
        return packed.prompt, ready.sampling

    async def _packed(self, job: Job) -> Ready:
        if job.ahead is not None and (ready := await job.ahead.ready(job.answer)) is not None:
            return ready
        settings = await settings_in(self._store, job.answer.question.conversation)
        return await self.pack(job.answer, settings)

    async def pack(self, answer: StoredAnswer, settings: ConversationSettings) -> Ready:
        """Pack the prompt of an answer. Raises what `ContextWindow.pack` raises."""
        return await make_ready(self._models, answer, settings)

    def _keep_prompt(self, job: Job, packed: Packed) -> None:
        """Keep the prompt for a verdict, without what is stored nowhere."""
        assert job.prompt is not None
        quoted = (*packed.questions, job.answer.question_id)
        prompt = job.prompt
        if packed.asked is not None:
            prompt = replace(prompt, question=packed.asked)
        self.prompts.put(job.id, RecordedPrompt(prompt, quoted, exact=packed.asked is None))

    async def _packed_anew(
        self, job: Job, text: str, thought: str
    ) -> tuple[Prompt, Sampling] | None:
        """The prompt for a model that was started again with a smaller window, with `text` and
        `thought` as the answer so far; None where the window is as before. Raises TooLong where
        nothing fits."""
        served = self._served(job)
        if (await served.generator.start()).context >= job.window:
            return None
        so_far = replace(job.answer, text=text, thought=thought, snapshot=job.snapshot)
        packed, sampling, job.snapshot = await served.window.pack(so_far)
        logger.warning(
            "answer %d goes on with a window of %d tokens, not %d",
            job.id,
            packed.window,
            job.window,
        )
        before = replace(packed.prompt, answer=job.answer.text, thought=job.answer.thought)
        job.prompt, job.window, job.note = before, packed.window, packed.note
        self._keep_prompt(job, packed)
        job.short = True
        return packed.prompt, sampling

    def _ended(self, job: Job, finished: Finished) -> Outcome:
        self.last_speed = finished.usage.tokens_per_second or self.last_speed
        note = _note(job)
        if not job.text.strip():
            note = _nothing_said(job, finished.reason)
        return Outcome(AnswerState.after(finished.reason), finished.usage, note)

    async def _usage_so_far(self, job: Job) -> Usage:
        """Of an answer that did not come to its end: the model reports usage only there."""
        if job.prompt is None:
            return Usage()
        longer = replace(job.prompt, answer=job.text, thought=job.thought)
        try:
            return await usage_between(self._served(job).generator, job.prompt, longer)
        except Exception as error:  # of whatever kind: the answer's end must not depend on it
            logger.warning("answer %d: its tokens could not be counted: %s", job.id, error)
            return Usage()

    async def _record(self, job: Job) -> None:
        """Record the end of the answer. A database that fails, or is locked, is tried again as
        `SAVE_RETRIES` says; after that the person is told, and the engine goes on trying."""
        assert job.outcome is not None
        waited = 0.0
        for delay in (*SAVE_RETRIES, 0.0):
            try:
                await self.save(job)
                return
            except StorageError as error:
                problem = error
            if not delay:
                break
            logger.warning("answer %d could not be saved for now: %s", job.id, problem)
            await self._clock.sleep(delay)
            waited += delay
        logger.error("answer %d could not be saved for %.0f s: %s", job.id, waited, problem)
        # the person still sees the answer; only the stored copy is lacking
        job.unsaved = True
        job.outcome = replace(job.outcome, note="I could not save this answer.", error=problem)

    async def save(self, job: Job) -> None:
        """Record the end of an answer that has ended. Raises StorageError, whatever the database
        raised."""
        assert job.outcome is not None
        try:
            usage = job.outcome.usage
            if job.chosen is not None:
                usage = replace(usage, model=job.chosen.served.label)
            await self._store.close(
                job.id, job.outcome.state, job.text, usage, job.thought, job.snapshot
            )
        except StorageError:
            raise
        except Exception as exc:
            raise StorageError(f"the database failed: {type(exc).__name__}: {exc}") from exc
        job.recorded, job.unsaved = True, False

    async def _show_end(self, job: Job, live: LiveAnswer) -> None:
        assert job.outcome is not None
        if job.quiet:
            await live.hand_over()
            return
        shown = asyncio.ensure_future(live.finish(job.outcome.state, job.outcome.note))
        superseded = asyncio.ensure_future(job.superseded.wait())
        try:
            await asyncio.wait({shown, superseded}, return_when=asyncio.FIRST_COMPLETED)
            if not shown.done():
                await live.hand_over()
            await shown
        except SurfaceError as error:
            await self._not_shown(job, error)
            return
        finally:
            shown.cancel()
            superseded.cancel()
        if job.forgotten.is_set() and not live.messages:
            await job.surface.leave()  # a status, which it may have instead
            return  # undelivered, should the deletion fail
        if not job.shown_whole:
            return
        if await self._messages_recorded(job, live):
            await self._store.delivered(job.id)
        else:
            job.unsaved = True

    async def _messages_recorded(self, job: Job, live: LiveAnswer) -> bool:
        """Whether the ledger knows the answer's messages, tried again as `SAVE_RETRIES` says: an
        answer whose messages it does not know would be answered again in other ones."""
        for delay in SAVE_RETRIES:
            if await live.recorded():
                return True
            await self._clock.sleep(delay)
        logger.error("answer %d: where it is shown could not be saved", job.id)
        return False

    async def _not_shown(self, job: Job, error: SurfaceError) -> None:
        """The platform refuses to show the answer in any form: tell whoever asked. It stays
        undelivered, so that the next start tries again."""
        logger.error("answer %d cannot be shown: %s", job.id, error)
        if job.forgotten.is_set():
            return  # there is nothing any more that could be told of
        for pause in (*WHISPER_PAUSES, None):
            try:
                await job.surface.whisper(NOT_SHOWN)
                return
            except MessageGone as gone:  # whoever asked has no account any more
                problem: SurfaceError = gone
                break
            except SurfaceError as refused:
                problem = refused
            if pause is None:
                break
            if isinstance(problem, SurfaceBusy):
                pause = problem.retry_after
            if await sleep_unless(self._clock, pause, job.superseded):
                return  # another answer replaces this one
        logger.warning("answer %d: nobody could be told: %s", job.id, problem)


def _note(job: Job) -> str:
    """What the person has to know about an answer that came to its end."""
    gone = job.chosen.gone if job.chosen else ""
    notes = [SHORT if job.short else "", GONE.format(name=gone) if gone else "", job.note]
    return " ".join(filter(None, notes))


def _nothing_said(job: Job, reason: FinishReason) -> str:
    """The note of an answer without a word."""
    if not job.thought:
        return NOTHING_SAID
    return ONLY_THOUGHT_LENGTH if reason is FinishReason.LENGTH else ONLY_THOUGHT


async def _stop_when_gone(job: Job, live: LiveAnswer) -> None:
    await live.gone.wait()
    job.stop()
