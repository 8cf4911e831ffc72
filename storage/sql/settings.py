"""Settings and ratings in SQL."""

import functools
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Select, bindparam, delete, exists, func, select
from sqlalchemy.orm import Session

from bot.errors import NothingToDo
from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, Person, Reasoning
from bot.ports import ConversationSettings
from storage import prompts
from storage.rules import check_verdict
from storage.sql.part import SqlPart, conversation_id, insert_into
from storage.tables import (
    AnswerRow,
    ConversationRow,
    FeedbackRow,
    PromptRow,
    QuestionRow,
    QuotedRow,
    SettingsRow,
)


class SqlSettings(SqlPart):
    """`bot.ports.SettingsStore`."""

    async def settings(self, conversation: ConversationKey) -> ConversationSettings:
        def work(session: Session) -> ConversationSettings:
            here = {"key": str(conversation)}
            row = session.connection().execute(_settings(), here).one_or_none()
            if row is None:
                return ConversationSettings()
            reasoning = None if row.reasoning is None else Reasoning(row.reasoning)
            return ConversationSettings(**{**row._mapping, "reasoning": reasoning})

        return await self._database.read(work)

    async def change_settings(
        self, conversation: ConversationKey, settings: ConversationSettings
    ) -> None:
        def operation(session: Session) -> None:
            row = conversation_id(session, conversation)
            session.execute(delete(SettingsRow).where(SettingsRow.conversation_id == row))
            if settings == ConversationSettings():
                return
            session.add(
                SettingsRow(
                    conversation_id=row,
                    system_prompt=settings.system_prompt,
                    temperature=settings.temperature,
                    max_new_tokens=settings.max_new_tokens,
                    show_names=settings.show_names,
                    muted=settings.muted,
                    reasoning=settings.reasoning,
                    model=settings.model,
                )
            )

        await self._database.write(operation)

    async def rate(
        self,
        answer_id: int,
        person: Person,
        verdict: int,
        prompt: RecordedPrompt | None = None,
    ) -> None:
        check_verdict(verdict)

        def operation(session: Session) -> None:
            asked_in = (
                select(QuestionRow.conversation_id)
                .join(AnswerRow, AnswerRow.question_id == QuestionRow.id)
                .where(AnswerRow.id == answer_id)
            )
            if (conversation := session.scalar(asked_in)) is None:
                raise NothingToDo("There is no such answer any more.")
            if verdict:
                row = {"answer_id": answer_id, "person": person.key, "verdict": verdict}
                row |= {"rated_at": self._now(), "conversation_id": conversation}
                _save_verdict(session, row)
            else:
                here = (FeedbackRow.answer_id == answer_id, FeedbackRow.person == person.key)
                session.execute(delete(FeedbackRow).where(*here))
            _keep_prompt(session, answer_id, prompt if verdict < 0 else None)

        await self._database.write(operation)


@functools.cache
def _settings() -> Select[Any]:
    names = [one.name for one in fields(ConversationSettings)]
    return (
        select(*(getattr(SettingsRow, name) for name in names))
        .join(ConversationRow, ConversationRow.id == SettingsRow.conversation_id)
        .where(ConversationRow.key == bindparam("key"))
    )


def _save_verdict(session: Session, row: Mapping[str, Any]) -> None:
    insert = insert_into(session, FeedbackRow).values(**row)
    session.execute(
        insert.on_conflict_do_update(
            index_elements=["answer_id", "person"],
            set_={"verdict": insert.excluded.verdict, "rated_at": insert.excluded.rated_at},
        )
    )


def _keep_prompt(session: Session, answer_id: int, prompt: RecordedPrompt | None) -> None:
    """Keep the prompt of an answer that is rated -1, and delete that of one that no longer is."""
    if prompt is not None:
        _keep(session, answer_id, prompt)
        return
    bad = exists().where(FeedbackRow.answer_id == answer_id, FeedbackRow.verdict < 0)
    session.execute(delete(PromptRow).where(PromptRow.answer_id == answer_id, ~bad))


def _keep(session: Session, answer_id: int, prompt: RecordedPrompt) -> None:
    quoted = set(prompt.questions)
    known = select(func.count()).where(QuestionRow.id.in_(quoted))
    if session.scalar(known) != len(quoted):
        return  # one was deleted meanwhile: nothing that quotes it may be kept
    insert = insert_into(session, PromptRow).values(
        answer_id=answer_id, messages=prompts.to_json(prompt.prompt), exact=prompt.exact
    )
    made = insert.on_conflict_do_nothing().returning(PromptRow.answer_id)
    if session.scalar(made) is not None:
        session.add_all(QuotedRow(answer_id=answer_id, question_id=one) for one in quoted)
