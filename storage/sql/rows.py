"""Rows converted to the core's values, and the select that loads whole answers."""

from sqlalchemy import Select, select, true
from sqlalchemy.orm import contains_eager, selectinload

from bot.measures import RecordedPrompt
from bot.messages import ConversationKey, Question, Usage
from bot.ports import (
    ArchivedAnswer,
    ArchivedExchange,
    Snapshot,
    StoredAnswer,
    StoredExchange,
)
from storage import prompts
from storage.sql.history import newest_ended, question_of, text_at
from storage.tables import AnswerRow, PromptRow, QuestionRow


def current_answers() -> Select[AnswerRow]:
    """Current answers with their questions and conversations."""
    return _with_questions().where(AnswerRow.current == true())


def _with_questions() -> Select[AnswerRow]:
    return (
        select(AnswerRow)
        .join(AnswerRow.question)
        .join(QuestionRow.conversation)
        .options(contains_eager(AnswerRow.question).contains_eager(QuestionRow.conversation))
    )


def whole_answers() -> Select[AnswerRow]:
    """`current_answers` with the messages that show them, as `answer` needs them."""
    return current_answers().options(selectinload(AnswerRow.shown))


def question(row: QuestionRow) -> Question:
    """The question of a row whose conversation is loaded."""
    return question_of(row, ConversationKey.parse(row.conversation.key))


def answer(row: AnswerRow) -> StoredAnswer:
    """The answer of a row that `whole_answers` loaded."""
    return StoredAnswer(
        id=row.id,
        question_id=row.question_id,
        question=question(row.question),
        state=row.state,
        text=row.text,
        messages=tuple(shown.message for shown in row.shown),
        usage=Usage(
            row.prompt_tokens,
            row.cached_tokens,
            row.completion_tokens,
            row.first_token_seconds,
            row.total_seconds,
            row.thinking_tokens,
            row.model,
        ),
        settled=row.settled,
        thought=row.thought,
        position=row.question.position,
        snapshot=(None if row.context_to is None else Snapshot(row.context_to, row.context_from)),
        kept=row.kept or 0,
    )


def ended_answers() -> Select[AnswerRow]:
    """Of each question the newest answer that has ended, with its question and conversation, as
    `exchange` needs them."""
    return _with_questions().where(AnswerRow.id == newest_ended(None))


def exchange(row: AnswerRow) -> StoredExchange:
    """The exchange of a row that `ended_answers` loaded."""
    asked = row.question
    assert asked.position is not None, "an answer that has ended has a place"
    text = text_at(row.text, row.state, row.grown, row.kept, None)
    return StoredExchange(asked.id, question(asked), asked.asked_at, row.id, text, asked.position)


def recorded(row: PromptRow | None) -> RecordedPrompt | None:
    """The prompt of a row whose `quoted` are loaded."""
    if row is None:
        return None
    quoted = tuple(one.question_id for one in row.quoted)
    return RecordedPrompt(prompts.from_json(row.messages), quoted, row.exact)


def archived(row: QuestionRow, *, person: str = "") -> ArchivedExchange:
    """The exchange of a row whose conversation, answers and ratings are loaded, with the prompts
    that were kept. For one `person` (`Person.key`) only their own ratings and no prompts, which
    need not be loaded then: those concern others."""
    answers = (
        ArchivedAnswer(
            state=one.state,
            text=one.text,
            created_at=one.created_at,
            current=one.current,
            verdicts=tuple(given.verdict for given in one.feedback if person in ("", given.person)),
            thought=one.thought,
            prompt=None if person else recorded(one.prompt),
            model=one.model,
        )
        for one in row.answers
    )
    forgotten = row.id <= row.conversation.hidden_to
    return ArchivedExchange(question(row), row.asked_at, forgotten, tuple(answers))
