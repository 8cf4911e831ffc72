"""`parley chat`, `ask` and `complete`."""

import asyncio
import getpass
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from uuid import uuid4

from rich.console import Console

from adapters.console import (
    Chat,
    PipedLines,
    PlainScreen,
    PlainSurface,
    PlainText,
    RichScreen,
    TypedLines,
)
from bot.answering import Outcome
from bot.app import Parley, model, parley
from bot.cli.failures import tell
from bot.cli.loading import loading
from bot.cli.locking import PLATFORM, conversation_named, locked
from bot.commands import with_system_prompt
from bot.config import Settings
from bot.errors import MessageGone
from bot.messages import Completion, ConversationKey, Finished, Person, Question
from bot.ports import AnswerState, Surface

EDIT_INTERVAL = 1 / 15
"""Seconds between two drawings of a growing answer: a terminal has no limits to fear."""

CUT = "the answer reached its longest length and was cut; --max-new-tokens allows more."

BROKEN_PIPE = 141
"""The exit code that shells have for SIGPIPE."""


def person() -> Person:
    """Whoever sits at the terminal. Who may start the program may do everything in it."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user in this container
        name = "you"
    return Person(PLATFORM, name, name, admin=True)


# ---------------------------------------------------------------- chat


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
                running = await _loaded(stack, settings, console)
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
        running = await _loaded(stack, settings, Console(stderr=True))
        talk = Chat(running.engine, running.store, screen, conversation, person())
        source = io.FileIO(sys.stdin.fileno(), closefd=False)
        await talk.run(PipedLines(source), resume=_resumes(settings))
    if talk.failed:
        sys.exit(1)


async def _loaded(stack: AsyncExitStack, settings: Settings, console: Console) -> Parley:
    with loading(console, settings) as on_progress:
        return await stack.enter_async_context(
            parley(settings, on_progress=on_progress, edit_interval=EDIT_INTERVAL)
        )


def _resumes(settings: Settings) -> bool:
    return settings.delivery.after_restart == "continue"


# ---------------------------------------------------------------- ask


async def ask(settings: Settings, text: str, name: str | None, system: str | None) -> None:
    """Print the answer to one question. Without a conversation's name nothing is kept."""
    conversation = conversation_named(uuid4().hex if name is None else name)
    if name is None:
        storage = settings.storage.model_copy(update={"url": "memory://"})
        settings = settings.model_copy(update={"storage": storage})
    text = await _or_stdin(text)
    with locked(settings, conversation), _to_stdout() as out:
        async with AsyncExitStack() as stack:
            running = await _loaded(stack, settings, Console(stderr=True))
            if system is not None:
                await _tell_system(running, conversation, system)
            outcome = await _answered(running, conversation, text, PlainSurface(out))
    if outcome.error is not None:
        raise outcome.error
    if outcome.note:
        tell(outcome.note)
    if outcome.state is AnswerState.CUT:
        tell(CUT)


async def _tell_system(running: Parley, conversation: ConversationKey, text: str) -> None:
    settings = with_system_prompt(await running.engine.settings(conversation), text)
    await running.engine.change_settings(conversation, person(), settings)


async def _answered(
    running: Parley, conversation: ConversationKey, text: str, surface: Surface
) -> Outcome:
    question = Question(conversation, person(), text, event_id=uuid4().hex, direct=True)
    job = await running.engine.ask(question, surface)
    assert job is not None, "an event id of its own"
    try:
        return await job.ended()
    except asyncio.CancelledError:  # Ctrl-C stops the answer, and what it has of text is kept
        job.stop()
        await job.ended()
        raise


# ---------------------------------------------------------------- complete


async def complete(settings: Settings, text: str) -> None:
    """Print what the model writes after `text`."""
    prompt = Completion((await _or_stdin(text)).replace("\\n", "\n"))
    console = Console(stderr=True)
    with _to_stdout() as out:
        async with AsyncExitStack() as stack:
            with loading(console, settings) as on_progress:
                generator = await stack.enter_async_context(
                    model(settings, on_progress, chat=False)
                )
                await generator.start()
            stream = generator.stream(prompt, settings.generation.sampling())
            async with aclosing(stream):
                async for piece in stream:
                    await out.write("\n" if isinstance(piece, Finished) else piece)


# ---------------------------------------------------------------- standard input and output


async def _or_stdin(text: str) -> str:
    """`text`, or what standard input holds where it is "-"."""
    return await asyncio.to_thread(sys.stdin.read) if text == "-" else text


@contextmanager
def _to_stdout() -> Iterator[PlainText]:
    """Standard output. Where whoever reads it leaves early, the process ends without a word."""
    out = PlainText(sys.stdout)
    try:
        yield out
    except MessageGone:
        if not out.unread:
            raise
    if out.unread:
        # Python flushes standard output once more at its end; let that go nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
