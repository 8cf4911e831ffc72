"""Asks each server a tiny question in the way that real ones are asked, for ``parley doctor``."""

import asyncio
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from bot.errors import GenerationError, ModelError
from bot.generation.openai.generator import OpenAIGenerator, ServerOptions
from bot.messages import Prompt, Sampling
from bot.url_passwords import without_passwords

TINY = Prompt("", (), "Say OK.")
MOST_TOKENS = 8
_SECONDS = 60.0
"""The longest time without text; a server may load the model at the first question."""

_REMEDY = re.compile(r"[.:] (?=(?:correct|set|start|switch)\b)", re.IGNORECASE)
"""What stands between an error and its remedy."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the question to one server."""

    url: str
    model: str = ""
    context: int = 0
    """The context window in tokens."""
    product: str = ""
    """The server's name, such as "Ollama"; "" where it does not tell it."""
    exact: bool = False
    """Whether the server counts tokens exactly."""
    note: str = ""
    """What the operator should know about the context window; mostly ""."""
    thinks: bool = False
    """Whether the model is known to think before it answers."""
    switched: bool = False
    """Whether it is known that `[model] reasoning` has an effect."""
    error: str = ""
    """Why there was no answer; "" where there was one."""
    remedy: str = ""
    """What the operator should do about `error`: a sentence."""


async def try_servers(options: ServerOptions) -> list[Trial]:
    """A `Trial` for each server of `options`, with the model that questions would go to. Raises
    nothing but CancelledError."""
    options = replace(options, silence_seconds=_SECONDS, idle_seconds=_SECONDS)
    with _unlogged():  # the trials say it all
        options = replace(options, model=await _chosen(options))
        return list(await asyncio.gather(*(_try(options, url) for url in options.base_urls)))


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without log records of this package."""
    package = logging.getLogger(__package__)
    level = package.level
    package.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        package.setLevel(level)


async def _chosen(options: ServerOptions) -> str:
    """The model that questions would go to; ``options.model`` where there is none."""
    generator = OpenAIGenerator(options)
    try:
        return (await generator.start()).name
    except ModelError:
        return options.model  # each server's own trial says why
    finally:
        await generator.aclose()


async def _try(options: ServerOptions, url: str) -> Trial:
    generator = OpenAIGenerator(replace(options, base_urls=(url,)))
    try:
        info = await generator.start()
        async for _ in generator.stream(TINY, Sampling(max_new_tokens=MOST_TOKENS)):
            pass
        info = await generator.start()  # it may have learned that the model thinks
    except (ModelError, GenerationError) as error:
        return _failed(without_passwords(url), str(error))
    finally:
        await generator.aclose()
    return Trial(
        without_passwords(url),
        info.name,
        info.context,
        product=generator.product,
        exact=generator.counts_exactly,
        note=generator.window.note,
        thinks=bool(info.thinks_at),
        switched=bool(info.reasoning_levels),
    )


def _failed(url: str, text: str) -> Trial:
    """The trial that ended with the error `text`, at the end of which the remedy may stand."""
    problem, remedy = text, "See the log of the server."
    if starts := list(_REMEDY.finditer(text)):
        problem, remedy = text[: starts[-1].start()], text[starts[-1].end() :]
    return Trial(url, error=problem, remedy=remedy[:1].upper() + remedy[1:])
