"""The size of OpenVINO's paged KV cache."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path

from bot.worker.backends.openvino.device import Device
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.decoder_config import DecoderConfig
from bot.worker.memory import available_memory
from bot.worker.protocol import DoesNotFit, LoadError, LoadOptions

BLOCK_SIZE = {"CPU": 32, "GPU": 16}
"""Tokens in a block of the cache, fixed by OpenVINO's plugins."""

CACHE_SHARE = 0.7
"""The fraction of the memory left beside the model that the cache may take; the rest is for
activations."""


@dataclass(frozen=True, slots=True)
class CacheSize:
    """A cache of ``blocks`` blocks of ``block_size`` tokens each."""

    blocks: int
    block_size: int


def cache_size(
    folder: Path, source: Path, device: Device, low_bit: str, options: LoadOptions
) -> CacheSize:
    """Blocks for ``max_parallel`` full context windows, or as many as fit the available memory.
    Blocks that no request uses serve as prefix cache. `folder` holds the OpenVINO model, `source`
    its config.json. Raises DoesNotFit where not even one context window fits."""
    block = BLOCK_SIZE[device.kind]
    least = ceil(options.context / block) + 1
    wanted = least * options.max_parallel
    room = _room(folder, device)
    per_token = _bytes_per_token(source, device, low_bit)
    if room is None or per_token is None:
        return CacheSize(wanted, block)
    fitting = int(room * CACHE_SHARE / (per_token * block))
    if fitting < least:
        raise DoesNotFit(
            f"{source.name} leaves {max(0, room) / 1e9:.1f} GB free on {device.title}, and [model] "
            f"context = {options.context} needs {least * block * per_token / 1e9:.1f}: choose a "
            "smaller context, stronger quantization (low_bit) or a smaller model"
        )
    return CacheSize(min(wanted, fitting), block)


def _room(folder: Path, device: Device) -> int | None:
    """Bytes left on the device beside the model's weights; None where not known."""
    free = device.gpu_memory if device.kind == "GPU" else available_memory()
    if free is None:
        return None
    return free - sum(file.stat().st_size for file in folder.glob("*.bin"))


def _bytes_per_token(source: Path, device: Device, low_bit: str) -> float | None:
    """Bytes of KV cache per token; None where the model's shape is not known."""
    try:
        config = read_config(source)
    except LoadError:
        return None  # a model exported by somebody else may have any architecture
    return config.cache_bytes(_element_size(config, device, low_bit))


def _element_size(config: DecoderConfig, device: Device, low_bit: str) -> float:
    """Bytes per element of the KV cache, with the backend's properties for this quantization."""
    if device.kind == "GPU":
        return 2.0
    if low_bit in ("fp32", "fp16"):
        return 4.0
    return 1.0 + 8.0 / config.head_size  # 8 bits, with a scale and a zero point for each head
