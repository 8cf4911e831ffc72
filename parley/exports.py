"""The forms in which conversations are exported: JSON, and Markdown."""

from datetime import datetime
from typing import Any

from bot.personal import exchange_as_json
from bot.ports import ArchivedExchange
from storage import prompts


def as_json(exchange: ArchivedExchange) -> dict[str, Any]:
    """A question with all of its answers, those that were replaced included, with the prompts that
    were kept."""
    fields = exchange_as_json(exchange)
    for answer, shown in zip(exchange.answers, fields["answers"], strict=True):
        if answer.prompt is not None:
            shown["prompt"] = prompts.messages(answer.prompt.prompt)
            shown["prompt_exact"] = answer.prompt.exact
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
