"""Runs `parley history`: listing, showing, exporting and deleting stored conversations."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.admin_log import operator_acted, operator_forgot, questions
from bot.config import Settings
from bot.errors import ConfigError
from bot.messages import ConversationKey
from bot.personal import personal_lines
from bot.ports import Archive, ArchivedExchange
from parley.exports import as_json, as_markdown
from parley.options import confirm, conversation_named
from parley.output import open_output
from storage import open_store

_AGE = re.compile(r"(\d{1,6})\s*([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def parse_age(text: str) -> timedelta:
    """Parse an age such as "30d": a number and h, d or w. Raises BadParameter."""
    match = _AGE.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter("give a number and h, d or w, such as 12h, 30d or 8w")
    return int(match[1]) * _UNITS[match[2]]


# ---------------------------------------------------------------- reading


async def list_conversations(settings: Settings, *, as_json: bool) -> None:
    """Print one line for each conversation: a table, or a JSON array."""
    async with open_store(settings.database_url) as store:
        summaries = await store.conversations()
    if as_json:
        lines = [
            {
                "conversation": str(summary.conversation),
                "exchanges": summary.exchanges,
                "first_at": summary.first_at.isoformat(),
                "last_at": summary.last_at.isoformat(),
            }
            for summary in summaries
        ]
        typer.echo(json.dumps(lines, ensure_ascii=False, indent=2))
        return
    if not summaries:
        typer.echo("Nothing is stored yet.")
        return
    table = Table("Conversation", "Exchanges", "First", "Last", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    table.columns[1].justify = "right"
    for summary in summaries:
        table.add_row(
            Text(str(summary.conversation)),
            f"{summary.exchanges:,}",
            _local(summary.first_at),
            _local(summary.last_at),
        )
    Console(highlight=False).print(table)


async def show(settings: Settings, name: str) -> None:
    """Print a conversation: rendered on a terminal, else as Markdown source."""
    async with _stored(settings, name) as (store, key):
        console = Console(highlight=False)
        async for exchange in store.archived(key):
            _show_exchange(console, exchange)


def _show_exchange(console: Console, exchange: ArchivedExchange) -> None:
    if not console.is_terminal:
        typer.echo(as_markdown(exchange))
        return
    from adapters.console.growing import GrowingAnswer
    from adapters.console.markdown import harmless

    before = " · before /reset: not in the model's context" if exchange.forgotten else ""
    head = f"{exchange.question.author.name} · {_local(exchange.asked_at)}{before}"
    console.print(Text(harmless(head), style="dim"))
    console.print(Text(harmless(f"> {exchange.question.text}"), style="bold"), end="\n\n")
    for answer in exchange.answers:
        if answer.current:
            GrowingAnswer(console).finish(answer.text)
            console.print()


async def export(
    settings: Settings, name: str, form: str, output: Path | None, *, force: bool
) -> None:
    """Write a conversation to a file or to standard output, one exchange at a time: memory does
    not grow with its length. `form` is "json" (one object per line) or "md"."""
    async with _stored(settings, name) as (store, key):
        with open_output(output, force=force) as out:
            async for exchange in store.archived(key):
                line = (
                    json.dumps(as_json(exchange), ensure_ascii=False)
                    if form == "json"
                    else as_markdown(exchange)
                )
                out.write(line + "\n")


async def export_person(
    settings: Settings, person: str, output: Path | None, *, force: bool
) -> None:
    """Write what `/export me` sends to this person. Raises ConfigError where nothing is stored."""
    async with open_store(settings.database_url) as store:
        with open_output(output, force=force) as out:
            number = 0
            async for line in personal_lines(store, person):
                out.write(line.decode())
                number += 1
            if not number:
                raise ConfigError(
                    f"nothing is stored of {person}; parley stats --json shows the keys of people"
                )


def _local(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


# ---------------------------------------------------------------- deleting


async def forget(settings: Settings, name: str | None, person: str | None, *, yes: bool) -> None:
    """Delete a conversation, or everything that a person asked, after confirmation."""
    if name is None:
        confirm(f"Permanently delete everything that {person} asked, with the answers?", yes=yes)
        async with open_store(settings.database_url) as store:
            deleted = await store.forget(person=person)
        operator_forgot(person or "", deleted)
    else:
        async with _stored(settings, name) as (store, key):
            confirm(f"Permanently delete the conversation {key}?", yes=yes)
            deleted = await store.forget(conversation=key)
        operator_acted(key, f"deleted the conversation: {questions(deleted)}")
    typer.echo(f"{deleted:,} exchanges deleted.")


async def purge(settings: Settings, older_than: timedelta, *, yes: bool) -> None:
    """Delete what was asked longer ago than `older_than`, after confirmation."""
    before = datetime.now(UTC) - older_than
    confirm(
        f"Permanently delete all questions from before {_local(before)}, with their answers?",
        yes=yes,
    )
    async with open_store(settings.database_url) as store:
        deleted = await store.purge(before)
    typer.echo(f"{deleted:,} exchanges deleted.")


# ---------------------------------------------------------------- finding


@asynccontextmanager
async def _stored(settings: Settings, name: str) -> AsyncIterator[tuple[Archive, ConversationKey]]:
    """The open store, and the key of the stored conversation that `name` means: a key, or the
    name of a conversation of the terminal. Raises ConfigError where it is not stored."""
    async with open_store(settings.database_url) as store:
        try:
            key = ConversationKey.parse(name) if ":" in name else conversation_named(name)
        except ValueError as exc:
            raise ConfigError(
                f"{name} is not the key of a conversation; parley history list shows the keys"
            ) from exc
        stored = [str(summary.conversation) for summary in await store.conversations()]
        if str(key) not in stored:
            near = get_close_matches(str(key), stored, n=1)
            hint = f"did you mean {near[0]}?" if near else "parley history list shows all of them."
            raise ConfigError(f"no conversation {key} is stored; {hint}")
        yield store, key
