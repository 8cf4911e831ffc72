"""Rows converted to the core's values, and the select that loads whole answers."""

from sqlalchemy import Select, select, true
from sqlalchemy.orm import contains_eager, selectinload

from bot.messages import ConversationKey, Person, Question, Usage
from bot.ports import StoredAnswer, StoredExchange
from storage.tables import AnswerRow, QuestionRow


def current_answers() -> Select[AnswerRow]:
    """Current answers with their questions and conversations, as `exchange` needs them."""
    return (
        select(AnswerRow)
        .join(AnswerRow.question)
        .join(QuestionRow.conversation)
        .where(AnswerRow.current == true())
        .options(contains_eager(AnswerRow.question).contains_eager(QuestionRow.conversation))
    )


def whole_answers() -> Select[AnswerRow]:
    """`current_answers` with the messages that show them, as `answer` needs them."""
    return current_answers().options(selectinload(AnswerRow.shown))


def question(row: QuestionRow) -> Question:
    """The question of a row whose conversation is loaded."""
    platform, _, author_id = row.author.partition(":")
    return Question(
        conversation=ConversationKey.parse(row.conversation.key),
        author=Person(platform, author_id, row.author_name, row.author_admin),
        text=row.text,
        event_id=row.event_id,
        message_id=row.message_id,
        direct=row.direct,
    )


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
    )


def exchange(row: AnswerRow) -> StoredExchange:
    """The exchange of a row that `current_answers` or `whole_answers` loaded."""
    asked = row.question
    return StoredExchange(asked.id, question(asked), asked.asked_at, row.id, row.text, row.state)
