"""Runs `parley chat`, on a terminal or through pipes."""

import io
import os
import signal
import sys
from contextlib import AsyncExitStack

from rich.console import Console

from adapters.console import Chat, PipedLines, PlainScreen, RichScreen, TypedLines
from bot.config import Settings
from bot.messages import ConversationKey
from parley.locks import conversation_lock
from parley.options import conversation_named
from parley.terminal import load_parley, local_person


async def chat(settings: Settings, name: str) -> None:
    """Chat in the conversation `name` until the person ends it. Exits with code 1 where a question
    from a pipe failed. Raises ConfigError for a bad name, Busy where another process has the
    conversation open, and what `open_parley` raises."""
    conversation = conversation_named(name)
    with conversation_lock(settings, conversation):
        if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            await _chat_on_terminal(settings, conversation)
        else:
            await _chat_through_pipes(settings, conversation)


async def _chat_on_terminal(settings: Settings, conversation: ConversationKey) -> None:
    console = Console(highlight=False)
    async with AsyncExitStack() as stack:
        with TypedLines.open() as lines:
            with lines.interruptible(_raise_interrupt):
                parley = await load_parley(stack, settings, console, fold_thoughts=True)
                screen = RichScreen(console)
                session = Chat(parley.engine, parley.store, screen, conversation, local_person())
                lines.remember(await session.earlier_questions())
            await session.run(lines, resume=_resumes(settings))


def _raise_interrupt() -> None:
    """Handles Ctrl-C while the terminal is in raw mode and nobody reads its keys."""
    signal.raise_signal(signal.SIGINT)


async def _chat_through_pipes(settings: Settings, conversation: ConversationKey) -> None:
    screen = PlainScreen(sys.stdout, sys.stderr)
    async with AsyncExitStack() as stack:
        parley = await load_parley(stack, settings, Console(stderr=True))
        session = Chat(parley.engine, parley.store, screen, conversation, local_person())
        source = io.FileIO(sys.stdin.fileno(), closefd=False)
        await session.run(PipedLines(source), resume=_resumes(settings))
    if session.failed:
        sys.exit(1)


def _resumes(settings: Settings) -> bool:
    return settings.delivery.after_restart == "continue"
