"""One person's own data as lines of JSON, for the person: `/export me` and ``parley history
export --person``."""

import json
from collections.abc import AsyncIterator
from typing import Any

from bot.ports import ArchivedAnswer, ArchivedExchange, DayOfUse, GivenRating, PersonalData


async def personal_lines(store: PersonalData, person: str) -> AsyncIterator[bytes]:
    """All that is stored of `person` (`Person.key`): one JSON object a line, in UTF-8, each with
    its ``kind``: the ``exchange``s, then the ``rating``s, then the days of ``usage``. Nothing where
    nothing is stored. Raises StorageError."""
    async for exchange in store.asked_by(person):
        yield _line("exchange", exchange_as_json(exchange))
    async for rating in store.ratings_by(person):
        yield _line("rating", _rating(rating))
    async for day in store.use_by(person):
        yield _line("usage", _usage(day))


async def pieces(lines: AsyncIterator[bytes], most: int) -> AsyncIterator[bytes]:
    """The lines in pieces of at most `most` bytes, each but a longer line whole in one; joined they
    are the lines. One piece is held in memory at a time."""
    piece = bytearray()
    async for line in lines:
        if piece and len(piece) + len(line) > most:
            yield bytes(piece)
            piece.clear()
        piece += line
        while len(piece) > most:
            yield bytes(piece[:most])
            del piece[:most]
    if piece:
        yield bytes(piece)


def exchange_as_json(exchange: ArchivedExchange) -> dict[str, Any]:
    """A question with all of its answers, those that were replaced included, without the prompts
    that were kept."""
    question = exchange.question
    return {
        "conversation": str(question.conversation),
        "asked_at": exchange.asked_at.isoformat(),
        "person": question.author.key,
        "name": question.author.name,
        "question": question.text,
        "forgotten": exchange.forgotten,
        "answers": [_answer(answer) for answer in exchange.answers],
    }


def _answer(answer: ArchivedAnswer) -> dict[str, Any]:
    return {
        "created_at": answer.created_at.isoformat(),
        "state": answer.state.value,
        "current": answer.current,
        "verdicts": list(answer.verdicts),
        "text": answer.text,
        "thought": answer.thought,
        "model": answer.model,
    }


def _rating(rating: GivenRating) -> dict[str, Any]:
    return {
        "conversation": str(rating.conversation),
        "answer": rating.answer_id,
        "verdict": rating.verdict,
        "rated_at": rating.rated_at.isoformat() if rating.rated_at else None,
    }


def _usage(day: DayOfUse) -> dict[str, Any]:
    return {"day": day.day.isoformat(), "answers": day.answers, "tokens": day.tokens}


def _line(kind: str, fields: dict[str, Any]) -> bytes:
    text = json.dumps({"kind": kind, **fields}, ensure_ascii=False)
    return f"{text}\n".encode("utf-8", "replace")
