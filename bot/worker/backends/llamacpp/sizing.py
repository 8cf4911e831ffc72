"""How many context windows fit into memory beside the model: each is a slot of llama-server.

The KV cache is kept in 16 bits. Its size is taken as if every layer attended to the whole context,
which is the most that it can be.
"""

from dataclasses import dataclass, replace

from bot.worker.backends.llamacpp.device import Target, is_integrated
from bot.worker.backends.llamacpp.gguf_header import GgufHeader
from bot.worker.context import context_that_fits
from bot.worker.memory import available_memory
from bot.worker.protocol import DoesNotFit, LoadOptions

CACHE_SHARE = 0.8
"""The fraction of the memory left beside the model that the KV cache may take; the rest is for
activations."""
ELEMENT = 2
"""Bytes of a number in the KV cache."""
PADDING = 256
"""llama.cpp rounds the context of a slot up to a multiple of this (llama-context.cpp)."""
PROMPT_CACHE_SHARE = 0.1
"""The fraction of the free main memory that keeps the prompts of conversations without a slot."""
PROMPT_CACHE_MOST = 8 << 30
"""Bytes; the server's own default."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the server is started with."""

    slots: int
    """Answers that are generated at the same time; further ones wait in the server."""
    slot_context: int
    """Tokens of a slot: the context window and a little more, so that a full one ends by our
    count, not by the server's."""
    prompt_cache: int
    """Bytes of main memory for prompts of conversations without a slot."""


def fitted(
    header: GgufHeader, target: Target, options: LoadOptions, free_main: "int | None"
) -> LoadOptions:
    """The options with the context window that the memory allows (`LoadOptions.fit`)."""
    room = _room(target, header, free_main)
    context = context_that_fits(options, room, header.cache_elements * ELEMENT)
    return replace(options, context=context)


def choose_sizes(
    header: GgufHeader, target: Target, options: LoadOptions, free_main: "int | None"
) -> Sizes:
    """Slots for ``max_parallel`` full context windows, or as many as fit. `free_main` is the
    available main memory in bytes, None where not known. Raises DoesNotFit where not even one
    window fits."""
    slot_context = padded(options.context)
    return Sizes(
        slots=_slots(header, target, options, slot_context, free_main),
        slot_context=slot_context,
        prompt_cache=min(int((free_main or 0) * PROMPT_CACHE_SHARE), PROMPT_CACHE_MOST),
    )


def padded(context: int) -> int:
    """The tokens of a slot for a context window of `context` tokens. The server ends an answer one
    token before its slot is full."""
    return (context + 2 + PADDING - 1) // PADDING * PADDING


def _slots(
    header: GgufHeader,
    target: Target,
    options: LoadOptions,
    slot_context: int,
    free_main: "int | None",
) -> int:
    one = header.cache_elements * ELEMENT * slot_context
    room = _room(target, header, free_main)
    if room is None or not one:
        return options.max_parallel
    fitting = int(room * CACHE_SHARE / one)
    if fitting >= 1:
        return min(options.max_parallel, fitting)
    if target.gpu is not None and _fits_with_main_memory(one, target, header, free_main):
        return 1  # the server leaves some layers on the CPU
    raise DoesNotFit(
        f"the model leaves {max(0, room) / 1e9:.1f} GB free on {target.title}, and [model] context "
        f"= {options.context} needs {one / CACHE_SHARE / 1e9:.1f}: choose a smaller context or a "
        "smaller model"
    )


def _room(target: Target, header: GgufHeader, free_main: "int | None") -> "int | None":
    """Bytes left beside the weights on the device; None where not known."""
    if target.gpu is None:
        free = free_main
    elif is_integrated(target.gpu):
        free = min(target.gpu.free, free_main or target.gpu.free)
    else:
        free = target.gpu.free
    return None if free is None else free - header.file_bytes


def _fits_with_main_memory(
    one: int, target: Target, header: GgufHeader, free_main: "int | None"
) -> bool:
    if target.gpu is None or is_integrated(target.gpu) or free_main is None:
        return free_main is None
    return (target.gpu.free + free_main - header.file_bytes) * CACHE_SHARE >= one


def free_main_memory() -> "int | None":
    """Bytes of main memory that can be allocated now."""
    return available_memory()
