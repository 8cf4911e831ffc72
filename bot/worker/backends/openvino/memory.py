"""The sizes of OpenVINO's caches: the paged KV cache, and the states of hybrid models."""

from dataclasses import dataclass, replace
from math import ceil

from bot.worker.backends.openvino.device import Device
from bot.worker.backends.openvino.source import Source
from bot.worker.context import context_that_fits
from bot.worker.memory import available_memory
from bot.worker.protocol import DoesNotFit, LoadOptions

BLOCK_SIZE = {"CPU": 32, "GPU": 16}
"""Tokens in a block of the cache, fixed by OpenVINO's plugins."""

CACHE_SHARE = 0.7
"""The fraction of the memory left beside the model that the cache may take; the rest is for
activations."""

_PER_HEAD = 8.0
"""Bytes for the scale and the zero point of each head of a token, in a KV cache of 8 bits."""


@dataclass(frozen=True, slots=True)
class CacheSize:
    """A cache of ``blocks`` blocks of ``block_size`` tokens each."""

    blocks: int
    block_size: int
    states: int = 0
    """Sequences whose states of fixed size are kept (linear attention); 0 for other models."""


def fitted(source: Source, device: Device, options: LoadOptions) -> LoadOptions:
    """The options with the context window that the memory allows (`LoadOptions.fit`)."""
    cache = source.cache
    if cache is None:
        return options
    states = options.max_parallel * cache.state_bytes if cache.hybrid else 0
    per_token = cache.token_bytes(*_element(source, device, options))
    context = context_that_fits(options, _room(source, device), per_token, states)
    return replace(options, context=context)


def cache_size(source: Source, device: Device, options: LoadOptions) -> CacheSize:
    """Blocks for ``max_parallel`` full context windows, or as many as fit the available memory, and
    a state for each of these sequences where the model has such. Blocks that no request uses serve
    as prefix cache. Raises DoesNotFit where not even one context window fits."""
    block = BLOCK_SIZE[device.kind]
    least = ceil(options.context / block) + 1
    wanted = least * options.max_parallel
    cache = source.cache
    states = options.max_parallel if cache is not None and cache.hybrid else 0
    room = _room(source, device)
    if room is None or cache is None:
        return CacheSize(wanted, block, states)
    per_block = block * cache.token_bytes(*_element(source, device, options))
    usable = room * CACHE_SHARE - states * cache.state_bytes
    fitting = int(usable / per_block) if per_block else wanted
    if fitting < least:
        needed = least * per_block + states * cache.state_bytes
        raise DoesNotFit(
            f"{source.name} leaves {max(0, room) / 1e9:.1f} GB free on {device.title}, and [model] "
            f"context = {options.context} needs {needed / 1e9:.1f}: choose a "
            "smaller context, stronger quantization (low_bit) or a smaller model"
        )
    return CacheSize(min(wanted, fitting), block, states)


def _room(source: Source, device: Device) -> int | None:
    """Bytes left on the device beside the model's weights; None where not known."""
    free = device.gpu_memory if device.kind == "GPU" else available_memory()
    return None if free is None else free - source.weight_bytes


def _element(source: Source, device: Device, options: LoadOptions) -> tuple[float, float]:
    """Bytes per element of the KV cache, and more bytes per head, with the backend's properties for
    this model."""
    if options.kv_cache == "int8":
        return 1.0, _PER_HEAD
    if device.kind == "GPU":
        return 2.0, 0.0
    return (4.0, 0.0) if source.exact else (1.0, _PER_HEAD)
