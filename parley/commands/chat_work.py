"""Runs `parley chat`, on a terminal or through pipes."""

import asyncio
import io
import os
import sys
from contextlib import AsyncExitStack
from importlib import import_module
from typing import TYPE_CHECKING

import typer

from adapters.console.lines import PipedLines, TypedLines
from bot.config import Settings
from bot.messages import ConversationKey
from parley.commands.early_prompt import EarlyPrompt
from parley.loading import first_status, progress_text
from parley.locks import conversation_lock
from parley.options import conversation_named

if TYPE_CHECKING:
    from adapters.console.chat import Chat
    from bot.generation import LoadProgress


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
    """The prompt comes first. What answers is imported and loaded behind it."""
    with TypedLines.open() as lines:
        async with AsyncExitStack() as stack:
            prompt = EarlyPrompt(lines, first_status(settings))
            async with prompt:
                # while another thread imports, the prompt takes keys
                await asyncio.to_thread(import_module, "parley.terminal")
                session = await _loaded(stack, settings, conversation, prompt)
                lines.remember(await session.earlier_questions())
            if not prompt.left:
                await session.run(lines, resume=_resumes(settings))
                return
    typer.echo(f"Stream Chat with {settings.model.name} stopped.")


def _import_the_rest() -> None:
    """Import what the chat needs once the model is loaded."""
    for name in ("adapters.console.chat", "adapters.console.screen"):
        import_module(name)


async def _loaded(
    stack: AsyncExitStack, settings: Settings, conversation: ConversationKey, prompt: EarlyPrompt
) -> "Chat":
    from parley.app import open_parley
    from parley.terminal import EDIT_INTERVAL, local_person

    started = asyncio.Event()  # the model's process
    if settings.model.backend == "openai":
        started.set()  # there is none

    def report(progress: "LoadProgress") -> None:
        started.set()
        prompt.report(progress_text(progress))

    async def import_the_rest() -> None:
        await started.wait()
        await asyncio.to_thread(_import_the_rest)

    rest = asyncio.create_task(import_the_rest())
    try:
        parley = await stack.enter_async_context(
            open_parley(
                settings, on_progress=report, edit_interval=EDIT_INTERVAL, fold_thoughts=True
            )
        )
    except BaseException:  # the person left, too
        rest.cancel()
        await asyncio.gather(rest, return_exceptions=True)
        raise
    started.set()  # a process may be ready without a word
    await rest
    from rich.console import Console

    from adapters.console.chat import Chat
    from adapters.console.screen import RichScreen

    screen = RichScreen(Console(highlight=False))
    return Chat(parley.engine, parley.store, screen, conversation, local_person())


async def _chat_through_pipes(settings: Settings, conversation: ConversationKey) -> None:
    from rich.console import Console

    from adapters.console.chat import Chat
    from adapters.console.plain import PlainScreen
    from parley.terminal import load_parley, local_person

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
