"""Runs a chat on a terminal, or through pipes."""

import io
import os
import signal
import sys
from contextlib import AsyncExitStack

from rich.console import Console

from adapters.console import Chat, PipedLines, PlainScreen, RichScreen, TypedLines
from bot.config import Settings
from bot.messages import ConversationKey
from parley.locks import conversation_named, locked
from parley.terminal import loaded, person


async def chat(settings: Settings, name: str) -> None:
    """Talk in the conversation `name` until the person leaves."""
    conversation = conversation_named(name)
    with locked(settings, conversation):
        if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
            await _chat_on_terminal(settings, conversation)
        else:
            await _chat_through_pipes(settings, conversation)


async def _chat_on_terminal(settings: Settings, conversation: ConversationKey) -> None:
    console = Console(highlight=False)
    async with AsyncExitStack() as stack:
        with TypedLines.open() as lines:
            with lines.interruptible(_interrupt):
                running = await loaded(stack, settings, console)
                talk = Chat(
                    running.engine, running.store, RichScreen(console), conversation, person()
                )
                lines.remember(await talk.earlier_questions())
            await talk.run(lines, resume=_resumes(settings))


def _interrupt() -> None:
    """What Ctrl-C does where it is not read as a key."""
    signal.raise_signal(signal.SIGINT)


async def _chat_through_pipes(settings: Settings, conversation: ConversationKey) -> None:
    screen = PlainScreen(sys.stdout, sys.stderr)
    async with AsyncExitStack() as stack:
        running = await loaded(stack, settings, Console(stderr=True))
        talk = Chat(running.engine, running.store, screen, conversation, person())
        source = io.FileIO(sys.stdin.fileno(), closefd=False)
        await talk.run(PipedLines(source), resume=_resumes(settings))
    if talk.failed:
        sys.exit(1)


def _resumes(settings: Settings) -> bool:
    return settings.delivery.after_restart == "continue"
