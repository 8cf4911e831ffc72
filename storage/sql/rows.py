"""Rows as values of the core, and the one select that gives whole answers."""

from sqlalchemy import Select, select, true
from sqlalchemy.orm import contains_eager, selectinload

from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import StoredAnswer, StoredExchange
from storage.tables import AnswerRow, QuestionRow


def current_answers() -> Select[AnswerRow]:
    """Current answers with their questions and conversations; `exchange` can be made of them."""
    return (
        select(AnswerRow)
        .join(AnswerRow.question)
        .join(QuestionRow.conversation)
        .where(AnswerRow.current == true())
        .options(contains_eager(AnswerRow.question).contains_eager(QuestionRow.conversation))
    )


def whole_answers() -> Select[AnswerRow]:
    """`current_answers` with the messages that show them; `answer` can be made of them."""
    return current_answers().options(selectinload(AnswerRow.shown))


def question(row: QuestionRow) -> Question:
    platform, _, author_id = row.author.partition(":")
    return Question(
        conversation=ConversationKey.parse(row.conversation.key),
        author=Person(platform, author_id, row.author_name, row.author_admin),
        text=row.text,
        event_id=row.event_id,
        message_id=row.message_id,
        direct=row.direct,
    )


def answer(row: AnswerRow, messages: tuple[str, ...] | None = None) -> StoredAnswer:
    """`messages` where they are known otherwise than by the row's relation."""
    if messages is None:
        messages = tuple(shown.message for shown in row.shown)
    return StoredAnswer(
        id=row.id,
        question_id=row.question_id,
        question=question(row.question),
        state=row.state,
        text=row.text,
        messages=messages,
        usage=Usage(
            row.prompt_tokens,
            row.cached_tokens,
            row.completion_tokens,
            row.first_token_seconds,
            row.total_seconds,
        ),
    )


def exchange(row: AnswerRow) -> StoredExchange:
    asked = row.question
    return StoredExchange(asked.id, question(asked), asked.asked_at, row.id, row.text, row.state)
