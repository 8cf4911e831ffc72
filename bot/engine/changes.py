"""Questions that people edit or delete on the platform, while they are answered or later."""

import logging
from collections.abc import Callable
from dataclasses import replace

from bot.engine.admission import Admission
from bot.engine.cleanup import Cleanup
from bot.engine.job import Job
from bot.engine.kept_prompts import KeptPrompts
from bot.engine.running import Running
from bot.errors import NothingToDo
from bot.messages import ConversationKey, Question
from bot.ports import Quota, Store, StoredAnswer, Surface, SurfaceFinder

logger = logging.getLogger(__name__)

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
NOT_FORGOTTEN = (
    "This answer was stopped to be deleted with all that you asked, which failed. Try that again."
)
"""In place of an answer that was stopped by a deletion which failed."""

READS = 3
"""How often the database is asked at once what became of a question; while another program locks
it, each attempt waits by itself. No answer to a deleted question is to be shown, and none in the
place of a newer one."""


class QuestionChanges:
    """Applies edits and deletions of questions, whose answers may be on their way."""

    def __init__(
        self,
        store: Store,
        running: Running,
        admission: Admission,
        prompts: KeptPrompts,
        cleanup: Cleanup,
        quota: Quota,
        *,
        delete_messages: bool,
    ) -> None:
        """`delete_messages`: of an answer whose question is deleted; else their buttons go."""
        self._store = store
        self._running = running
        self._admission = admission
        self._prompts = prompts
        self._cleanup = cleanup
        self._quota = quota
        self._delete_messages = delete_messages

    async def edited(
        self, conversation: ConversationKey, message_id: str, text: str, find: SurfaceFinder
    ) -> bool:
        """The question in `message_id` has a new text. Where it is its author's newest in this
        conversation it is answered again in the same messages; otherwise only the history changes.
        False where no such question is known.

        Everything is checked before anything changes: where it raises (as `ask` does), the old
        text and the old answer stay, and an answer that is being written is not disturbed.
        """
        found = await self._store.find_question(conversation, message_id)
        if found is None:
            return False
        if found.question.text == text:
            return True
        self._admission.check_length(text)
        person = found.question.author.key
        newest = await self._store.answers(conversation=conversation, person=person, limit=1)
        surface = await find(found)
        if surface is None or not newest or newest[0].question_id != found.question_id:
            self._prompts.clear()
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
        await self._admission.check(replace(found.question, text=text))
        await self._store.check_quota(author, self._quota)
        old = self._running.jobs.get(found.id)
        with self._running.joining(
            conversation, author, replacing=old.ticket if old else None
        ) as ticket:
            if old is not None:
                await self._running.ended_for(old)
            try:
                self._prompts.clear()
                await self._store.edit_question(conversation, found.question.message_id, text)
                answer = await self._store.reopen(
                    found.id, author, self._quota, anew=True, edited=True
                )
            except Exception:
                # of a deleted question nothing is to be shown: the deletion clears what is left
                if old is not None and not await self._deleted_meanwhile(found):
                    self._show_end_of(old, surface)
                raise
            job = await self._running.in_place_of(found.id, old, Job(answer, surface, ticket))
        self._running.start(job)

    async def _deleted_meanwhile(self, found: StoredAnswer) -> bool:
        """Whether the question of this answer is known to be deleted."""
        what = "whether a question was deleted"
        return await self._known(found.question, lambda newest: newest is None, what)

    async def _known(
        self, question: Question, holds: Callable[[StoredAnswer | None], bool], what: str
    ) -> bool:
        """Whether something is known to hold of the newest answer to a question; `what` it is, for
        the log. Raises nothing."""
        for _ in range(READS):
            try:
                return holds(
                    await self._store.find_question(question.conversation, question.message_id)
                )
            except Exception as error:  # whatever a driver raises: then it is not known
                logger.warning("%s is unknown: %s", what, error)
        return False

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
        self._running.start(job)

    async def not_forgotten(self, job: Job) -> None:
        """Show the end of an answer that was stopped to be deleted with all that its asker said,
        which failed: its messages may lack a part that was not posted any more."""
        job.forgotten.clear()
        await job.ended()
        if await self._is_newest(job) and job.id not in self._running.jobs:
            self._show_end_of(job, job.surface, NOT_FORGOTTEN)

    async def _is_newest(self, job: Job) -> bool:
        """Whether this is known to be the newest answer to its question: else its messages show
        another one."""
        return await self._known(
            job.answer.question,
            lambda newest: newest is not None and newest.id == job.id,
            "whether an answer is the newest one",
        )

    async def deleted(
        self, conversation: ConversationKey, message_id: str, find: SurfaceFinder
    ) -> bool:
        """The question in `message_id` was deleted: its answer is stopped, both are deleted, and
        the messages that show the answer lose their buttons or are deleted, now or at the next
        start. False where no such question is known. Raises ShuttingDown, with nothing deleted,
        once the engine is being left: messages on their way could not be cleared any more.

        An answer that is being shown ends first, so that a crash meanwhile leaves no message that
        is not recorded."""
        self._running.check_open()
        old = await self._ended_for_deletion(conversation, message_id)
        remove = self._delete_messages or (old is not None and not old.text_shown)
        try:
            self._prompts.clear()
            found = await self._store.delete_question(conversation, message_id, remove=remove)
        except Exception:
            if old is not None and await self._is_newest(old):
                self._show_end_of(old, old.surface, NOT_DELETED)
            raise
        if found is None:
            return False
        job = self._running.jobs.get(found.id)
        if job is not None:
            job.supersede()
        job = job or (old if old is not None and old.id == found.id else None)
        self._running.spawn(self._cleanup.after(found, job, find))
        return True

    async def _ended_for_deletion(
        self, conversation: ConversationKey, message_id: str
    ) -> Job | None:
        """The answer of this question, ended, where it was being shown."""
        found = await self._store.find_question(conversation, message_id)
        job = self._running.jobs.get(found.id) if found is not None else None
        if job is not None:
            await self._running.ended_for(job)
        return job
