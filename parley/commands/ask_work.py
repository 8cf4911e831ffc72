"""Runs `parley ask` and `parley complete`: one text in, one text out on standard output."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from uuid import uuid4

from rich.console import Console

from adapters.common.settings import with_system_prompt
from adapters.console.chat import place_names
from adapters.console.plain import PlainSurface, PlainText
from bot.config import Settings
from bot.engine.job import Outcome
from bot.errors import MessageGone
from bot.messages import Completion, ConversationKey, Question
from bot.ports import AnswerState
from parley.app import Parley, open_generator
from parley.commands.ask_thoughts import AnswerBelow, PrintedThought
from parley.failures import print_error
from parley.locks import conversation_lock
from parley.options import conversation_named
from parley.terminal import load_parley, load_progress, local_person

LENGTH_LIMIT = "length limit reached, the answer is cut; --max-new-tokens allows more."

BROKEN_PIPE = 141
"""The exit code that shells use for SIGPIPE (128 + 13)."""


async def ask(
    settings: Settings,
    text: str,
    name: str | None,
    system: str | None,
    *,
    thinking: bool = False,
) -> None:
    """Print the answer to one question. `name` is the conversation; None stores nothing. `system`
    becomes the conversation's system prompt. Notes about the answer go to stderr, and with
    `thinking` what the model thought before it. Raises ConfigError, Busy, what `open_parley`
    raises, and the answer's own error."""
    conversation = conversation_named(uuid4().hex if name is None else name)
    if name is None:
        storage = settings.storage.model_copy(update={"url": "memory://"})
        settings = settings.model_copy(update={"storage": storage})
    text = await _read_text(text)
    with conversation_lock(settings, conversation), _standard_output() as out:
        async with AsyncExitStack() as stack:
            parley = await load_parley(stack, settings, Console(stderr=True))
            parley.engine.variables.register(conversation.platform, place_names)
            if system is not None:
                await _set_system_prompt(parley, conversation, system)
            told = PrintedThought(PlainText(sys.stderr)) if thinking else None
            outcome = await _answer(parley, conversation, text, out, told)
    if outcome.error is not None:
        raise outcome.error
    if outcome.note:
        print_error(outcome.note)
    if outcome.state is AnswerState.CUT:
        print_error(LENGTH_LIMIT)


async def _set_system_prompt(parley: Parley, conversation: ConversationKey, text: str) -> None:
    settings = with_system_prompt(await parley.engine.settings(conversation), text)
    await parley.engine.change_settings(conversation, local_person(), settings)


async def _answer(
    parley: Parley,
    conversation: ConversationKey,
    text: str,
    out: PlainText,
    thought: PrintedThought | None,
) -> Outcome:
    question = Question(conversation, local_person(), text, event_id=uuid4().hex, direct=True)
    surface = PlainSurface(out) if thought is None else AnswerBelow(out, thought)
    job = await parley.engine.ask(question, surface)
    assert job is not None, "None means an event id seen before; this one is new"
    try:
        if thought is not None:
            await thought.follow(job)
        return await job.ended()
    except asyncio.CancelledError:  # Ctrl-C stops the answer; the text so far is stored
        job.stop()
        await job.ended()
        raise


async def complete(settings: Settings, text: str) -> None:
    """Print the model's continuation of `text`, ended by a line break. Raises ModelError and
    GenerationError."""
    prompt = Completion((await _read_text(text)).replace("\\n", "\n"))
    console = Console(stderr=True)
    with _standard_output() as out:
        async with AsyncExitStack() as stack:
            with load_progress(console, settings) as on_progress:
                generator = await stack.enter_async_context(
                    open_generator(settings, on_progress, chat=False)
                )
                await generator.start()
            stream = generator.stream(prompt, settings.generation.sampling())
            async with aclosing(stream):
                async for piece in stream:
                    await out.write(piece if isinstance(piece, str) else "\n")


async def _read_text(text: str) -> str:
    """`text`, or all of standard input where it is "-"."""
    return await asyncio.to_thread(sys.stdin.read) if text == "-" else text


@contextmanager
def _standard_output() -> Iterator[PlainText]:
    """Standard output for the body. Where the reader closes the pipe early, the body ends and the
    process exits with `BROKEN_PIPE`, without a message."""
    out = PlainText(sys.stdout)
    try:
        yield out
    except MessageGone:
        if not out.unread:
            raise
    if out.unread:
        # Python flushes standard output once more at exit, which would fail on the closed pipe.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(BROKEN_PIPE)
