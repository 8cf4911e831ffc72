"""Runs `parley ask` and `parley complete`: one text in, one text out on standard output."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from uuid import uuid4

from rich.console import Console

from adapters.common.settings import with_system_prompt
from adapters.console import PlainSurface, PlainText
from bot.config import Settings
from bot.engine.job import Outcome
from bot.errors import MessageGone
from bot.messages import Completion, ConversationKey, Finished, Question
from bot.ports import AnswerState, Surface
from parley.app import Parley, model
from parley.failures import tell
from parley.locks import conversation_named, locked
from parley.terminal import loaded, loading, person

CUT = "the answer reached its longest length and was cut; --max-new-tokens allows more."

BROKEN_PIPE = 141
"""The exit code that shells have for SIGPIPE."""


async def ask(settings: Settings, text: str, name: str | None, system: str | None) -> None:
    """Print the answer to one question. Without a conversation's name nothing is kept."""
    conversation = conversation_named(uuid4().hex if name is None else name)
    if name is None:
        storage = settings.storage.model_copy(update={"url": "memory://"})
        settings = settings.model_copy(update={"storage": storage})
    text = await _or_stdin(text)
    with locked(settings, conversation), _to_stdout() as out:
        async with AsyncExitStack() as stack:
            running = await loaded(stack, settings, Console(stderr=True))
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
