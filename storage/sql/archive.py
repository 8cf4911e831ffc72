"""The archive in SQL: listing, export, and permanent deletion."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Delete,
    Update,
    delete,
    exists,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session, contains_eager, selectinload

from bot.messages import ConversationKey
from bot.ports import ArchivedExchange, ConversationSummary
from storage.database import Database
from storage.gaps import count_deletion
from storage.rules import Now
from storage.sql import rows, sums
from storage.sql.part import SqlPart, prompts_quoting
from storage.tables import (
    ActivityRow,
    AnswerRow,
    BucketRow,
    ConversationRow,
    FeedbackRow,
    PromptRow,
    QuestionRow,
    SettingsRow,
    SummaryRow,
    UsageRow,
)
from storage.writer import Operation

EXPORT_PAGE = 200
"""Exchanges that an export reads at a time, and holds in memory."""
BATCH_SECONDS = 0.03
"""How long one transaction of a deletion should take, with its commit, which bounds how long other
writers wait. The size of the rows varies too much for a fixed number of them."""
FIRST_BATCH, MOST_IN_BATCH = 20, 200
"""Rows in the first transaction, and at most."""


class SqlArchive(SqlPart):
    """`bot.ports.Archive`."""

    def __init__(self, database: Database, now: Now) -> None:
        super().__init__(database, now)
        self._forgetting: dict[str, asyncio.Task[int]] = {}

    async def conversations(self) -> list[ConversationSummary]:
        first, last = func.min(QuestionRow.asked_at), func.max(QuestionRow.asked_at)
        listed = (
            select(ConversationRow.key, func.count(), first, last)
            .join(QuestionRow, QuestionRow.conversation_id == ConversationRow.id)
            .group_by(ConversationRow.id, ConversationRow.key)
            .order_by(last.desc(), func.max(QuestionRow.id).desc())
        )
        return await self._database.read(
            lambda session: [
                ConversationSummary(ConversationKey.parse(key), number, first_at, last_at)
                for key, number, first_at, last_at in session.execute(listed)
            ]
        )

    async def archived(self, conversation: ConversationKey) -> AsyncIterator[ArchivedExchange]:
        done_to = 0
        while page := await self._page(conversation, done_to):
            for row in page:
                yield rows.archived(row)
            done_to = page[-1].id

    async def _page(self, conversation: ConversationKey, after: int) -> list[QuestionRow]:
        answers = selectinload(QuestionRow.answers)
        page = (
            select(QuestionRow)
            .join(QuestionRow.conversation)
            .where(ConversationRow.key == str(conversation), QuestionRow.id > after)
            .order_by(QuestionRow.id)
            .limit(EXPORT_PAGE)
            .options(
                contains_eager(QuestionRow.conversation),
                answers.selectinload(AnswerRow.feedback),
                answers.joinedload(AnswerRow.prompt).selectinload(PromptRow.quoted),
            )
        )
        return await self._database.read(lambda session: list(session.scalars(page)))

    async def forget(
        self, *, conversation: ConversationKey | None = None, person: str | None = None
    ) -> int:
        if (conversation is None) == (person is None):
            raise ValueError("forget takes either a conversation or a person")
        if conversation is not None:
            return await _Deletion(self._database).of_conversation(str(conversation))
        assert person is not None
        return await self._forget_person(person)

    async def _forget_person(self, person: str) -> int:
        """Calls for one person share their work: of all that come while one runs, one follows it,
        which finds what was asked meanwhile. Cancelling a call does not cancel the work."""
        gone = 0
        if (running := self._forgetting.get(person)) is not None:
            gone = await asyncio.shield(running)
        if (task := self._forgetting.get(person)) is None:
            task = asyncio.create_task(_Deletion(self._database).of_person(person))
            self._forgetting[person] = task
            task.add_done_callback(lambda done: self._forgotten(person, done))
        return gone + await asyncio.shield(task)

    def _forgotten(self, person: str, task: asyncio.Task[int]) -> None:
        del self._forgetting[person]
        if not task.cancelled():
            task.exception()  # the callers, who get it, may all have been cancelled

    async def purge(self, before: datetime) -> int:
        if before.tzinfo is None:
            raise ValueError("purge needs a time with a timezone")
        return await _Deletion(self._database).of_age(before)


class _Deletion:
    """Deletes rows in transactions of about `BATCH_SECONDS`, and returns when what was deleted is
    overwritten in the file (`Database.scrub`). Returns the number of questions deleted."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = False

    async def of_conversation(self, key: str) -> int:
        here = select(ConversationRow.id).where(ConversationRow.key == key).scalar_subquery()

        def batch(session: Session, limit: int) -> int:
            deleted = self._questions(session, QuestionRow.conversation_id == here, limit)
            if deleted < limit:
                # In the same transaction: no new question may refer to it.
                self._conversations(session, ConversationRow.key == key)
                self._run(session, delete(SummaryRow).where(SummaryRow.conversation == key))
            return deleted

        gone = await self._batches(batch)
        await self._overwrite()
        return gone

    async def of_person(self, person: str) -> int:
        def questions(session: Session, limit: int) -> int:
            return self._questions(session, QuestionRow.author == person, limit)

        def ratings(session: Session, limit: int) -> int:
            theirs = FeedbackRow.person == person
            some = select(FeedbackRow.answer_id).where(theirs).limit(limit)
            unwanted = delete(FeedbackRow).where(theirs, FeedbackRow.answer_id.in_(some))
            return self._run(session, unwanted)

        def charges(session: Session, limit: int) -> int:
            some = select(AnswerRow.id).where(AnswerRow.charged_to == person).limit(limit)
            charged = update(AnswerRow).where(AnswerRow.id.in_(some))
            return self._run(session, charged.values(charged_to=None))

        gone = await self._batches(questions)
        await self._batches(ratings)
        await self._batches(charges)
        theirs = ActivityRow.person == person
        await self._rest(
            UsageRow.person == person,
            theirs,
            SummaryRow.person == person,
            lambda one: sums.subtract(one, theirs),
        )
        return gone

    async def of_age(self, before: datetime) -> int:
        def questions(session: Session, limit: int) -> int:
            return self._questions(session, QuestionRow.asked_at < before, limit)

        gone = await self._batches(questions)
        day = before.date()
        old = (UsageRow.day < day, ActivityRow.day < day, SummaryRow.asked_at < before)
        await self._rest(*old, lambda one: sums.drop_before(one, day), before)
        return gone

    async def _rest(
        self,
        usage: ColumnElement[bool],
        activity: ColumnElement[bool],
        summaries: ColumnElement[bool],
        subtracted: Callable[[Session], None],
        before: datetime | None = None,
    ) -> None:
        """Delete usage, unfinished summaries, and conversations that have neither questions nor
        settings left, and were not reset. With `before`, also buckets and resets that are older.
        `subtracted` takes the activity out of its sums."""
        asked = exists().where(QuestionRow.conversation_id == ConversationRow.id)
        set_up = exists().where(SettingsRow.conversation_id == ConversationRow.id)

        def operation(session: Session) -> None:
            self._run(session, delete(UsageRow).where(usage))
            subtracted(session)
            self._run(session, delete(ActivityRow).where(activity))
            self._run(session, delete(SummaryRow).where(summaries))
            if before is not None:
                session.execute(delete(BucketRow).where(BucketRow.start < before))
                old = update(ConversationRow).where(~asked, ConversationRow.reset_time < before)
                self._run(session, old.values(reset_time=None))
            never_reset = ConversationRow.reset_time.is_(None)
            self._conversations(session, ~asked, ~set_up, never_reset)

        await self._database.write(operation)
        await self._overwrite()

    def _conversations(self, session: Session, *which: ColumnElement[bool]) -> None:
        """Delete conversations, and with them their activity."""
        here = select(ConversationRow.id).where(*which)
        sums.subtract(session, ActivityRow.conversation_id.in_(here))
        self._run(session, delete(ConversationRow).where(*which))

    async def _overwrite(self) -> None:
        if self._changed or await self._database.scrub_pending():
            await self._database.scrub(deleted=self._changed)

    def _questions(self, session: Session, unwanted: ColumnElement[bool], limit: int) -> int:
        found = select(QuestionRow.id).where(unwanted).limit(limit)
        ids = list(session.scalars(found))
        if ids:
            self._run(session, prompts_quoting(ids))
            self._run(session, delete(QuestionRow).where(QuestionRow.id.in_(ids)))
        return len(ids)

    def _run(self, session: Session, statement: Delete | Update) -> int:
        """Execute it; returns how many rows it changed. If any, the scrub that must follow is
        recorded in the same transaction."""
        quick = statement.execution_options(synchronize_session=False)
        result = cast("CursorResult[Any]", session.execute(quick))
        if result.rowcount:
            self._changed = True
            count_deletion(session)
        return result.rowcount

    async def _batches(self, batch: Callable[[Session, int], int]) -> int:
        """Run `batch` in one transaction after the other until it changes less than its limit.
        Returns how many rows it changed."""
        limit, total = FIRST_BATCH, 0
        while True:
            changed, started = await self._database.write(_timed(batch, limit))
            total += changed
            if changed < limit:
                return total
            seconds = max(time.monotonic() - started, 0.001)
            limit = round(limit * min(BATCH_SECONDS / seconds, 2.0))
            limit = max(1, min(limit, MOST_IN_BATCH))


def _timed(batch: Callable[[Session, int], int], limit: int) -> Operation[tuple[int, float]]:
    """The operation returns what `batch` returns, and when it began."""

    def operation(session: Session) -> tuple[int, float]:
        started = time.monotonic()
        return batch(session, limit), started

    return operation
