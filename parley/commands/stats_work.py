"""What `parley stats` reads, and how it prints it."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.console.markdown import harmless
from bot.config import Settings
from bot.errors import ConfigError
from bot.measures import By, RatedAnswer, Use
from bot.messages import ConversationKey
from parley.options import conversation_named
from storage import open_store, prompts

LONGEST = 100
"""Places and people that a table lists."""
QUALITY = 100
"""Answers that the list of bad ones holds."""


async def show_use(
    settings: Settings, days: int, conversation: str | None, *, as_json: bool
) -> None:
    """Print the use of the last `days` days, by day, place and person."""
    within = None if conversation is None else _key(conversation)
    since = datetime.now(UTC).date() - timedelta(days=days - 1)
    async with open_store(settings.database_url) as store:
        found = {
            by: await store.use(by, since, within=within, limit=days if by is By.DAY else LONGEST)
            for by in By
        }
    if as_json:
        sums = {by.value: [_as_json(use) for use in found[by]] for by in By}
        typer.echo(json.dumps({"since": since.isoformat(), **sums}, indent=2, ensure_ascii=False))
        return
    if not any(found.values()):
        typer.echo(f"Nothing was answered since {since}.")
        return
    console = Console(highlight=False)
    for by, title in ((By.DAY, "Day (UTC)"), (By.PLACE, "Place"), (By.PERSON, "Person")):
        console.print(_table(title, found[by]))
        console.print()


def _key(name: str) -> ConversationKey:
    """Raises ConfigError."""
    try:
        return ConversationKey.parse(name) if ":" in name else conversation_named(name)
    except ValueError as exc:
        raise ConfigError(
            f"{name} is not the key of a conversation; parley history list shows the keys"
        ) from exc


def _as_json(use: Use) -> dict[str, Any]:
    means = {"first_token": round(use.first_token, 3), "tokens_per_second": round(use.speed, 1)}
    return {**asdict(use), **means}


HEADS = ("Answers", "Failed", "Tokens", "First", "Tokens/s", "Good", "Bad")
"""Tokens are those read and written together; "First" is the mean time to the first token."""


def _table(title: str, rows: list[Use]) -> Table:
    table = Table(title, *HEADS, box=None, pad_edge=False)
    table.columns[0].overflow, table.columns[0].min_width = "fold", 18
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    for use in rows:
        name = f"{use.name} ({use.of})" if use.name else use.of
        table.add_row(
            Text(harmless(name)),
            f"{use.answers:,}",
            f"{use.failed:,}",
            f"{use.prompt_tokens + use.completion_tokens:,}",
            f"{use.first_token:.2f} s" if use.timed else "–",
            f"{use.speed:.1f}" if use.speed else "–",
            f"{use.up:,}",
            f"{use.down:,}",
        )
    return table


# ---------------------------------------------------------------- quality


async def show_quality(settings: Settings, *, as_json: bool) -> None:
    """Print the answers that people rated as bad, the newest verdict first, with the prompts that
    the model got."""
    async with open_store(settings.database_url) as store:
        rated = await store.rated(-1, limit=QUALITY)
    if as_json:
        listed = [_rated_as_json(one) for one in rated]
        typer.echo(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    if not rated:
        typer.echo("Nobody has rated an answer as bad.")
    for one in rated:
        typer.echo(harmless(_rated_as_text(one)))


def _rated_as_json(one: RatedAnswer) -> dict[str, Any]:
    kept = one.prompt
    return {
        "answer_id": one.answer_id,
        "conversation": str(one.conversation),
        "asked_by": one.asked_by,
        "rated_at": one.rated_at.isoformat(),
        "question": one.question,
        "answer": one.answer,
        "prompt": None if kept is None else prompts.messages(kept.prompt),
        "prompt_exact": None if kept is None else kept.exact,
    }


def _rated_as_text(one: RatedAnswer) -> str:
    head = f"{one.rated_at.astimezone():%Y-%m-%d %H:%M}  {one.conversation}  {one.asked_by}"
    parts = [head, f"Question: {one.question}", f"Answer: {one.answer}"]
    if one.prompt is None:
        parts.append("Its prompt is not kept.")
    else:
        again = "" if one.prompt.exact else ", packed again: settings may have changed since"
        parts.append(f"Prompt{again}:")
        for message in prompts.messages(one.prompt.prompt):
            thought = f"({message['thought']}) " if "thought" in message else ""
            parts.append(f"  {message['role']}: {thought}{message['content']}")
    return "\n".join(parts) + "\n"
