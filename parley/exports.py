"""The forms in which conversations are exported: JSON, and Markdown."""

from datetime import datetime
from typing import Any

from bot.ports import ArchivedAnswer, ArchivedExchange
from storage import prompts


def as_json(exchange: ArchivedExchange) -> dict[str, Any]:
    """A question with all of its answers, those that were replaced included."""
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
    kept = answer.prompt
    fields: dict[str, Any] = {
        "created_at": answer.created_at.isoformat(),
        "state": answer.state.value,
        "current": answer.current,
        "verdicts": list(answer.verdicts),
        "text": answer.text,
        "thought": answer.thought,
        "model": answer.model,
    }
    if kept is not None:
        fields["prompt"] = prompts.messages(kept.prompt)
        fields["prompt_exact"] = kept.exact
    return fields


def as_markdown(exchange: ArchivedExchange) -> str:
    """The question as a block quote, the current answer below it."""
    asked = "\n".join(f"> {line}".rstrip() for line in exchange.question.text.splitlines())
    head = f"**{exchange.question.author.name}**, {_local(exchange.asked_at)}"
    parts = [head + (" (before /reset)" if exchange.forgotten else ""), asked]
    parts += [answer.text for answer in exchange.answers if answer.current]
    return "\n\n".join(parts) + "\n"


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
