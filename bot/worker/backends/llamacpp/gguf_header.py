"""What llama.cpp's backend needs to know of a GGUF file: quantization, dimensions, size."""

from dataclasses import dataclass
from pathlib import Path

from bot.worker.gguf import header
from bot.worker.gguf.files import parts_of
from bot.worker.gguf.header import NotGguf
from bot.worker.gguf.metadata import Metadata
from bot.worker.protocol import LoadError


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a GGUF file says about its model."""

    architecture: str
    """llama.cpp's name: "llama", "qwen3", "gemma3" …"""
    file_type: str
    """The quantization of most weights ("Q4_K_M"); "" where the file does not say."""
    context: int
    """Tokens that the model was trained for; 0 where the file does not say."""
    layers: int
    cache_elements: int
    """Numbers in the KV cache for one token, as if every layer attended to the whole context: with
    sliding windows or recurrent layers fewer are kept. 0 where the file does not say."""
    file_bytes: int
    """The size of the file, and of the others of a split model."""


def read_header(file: Path) -> GgufHeader:
    """The header of `file`; of a split model, its first file. Raises LoadError where it is no GGUF
    file or a damaged one, and where a part is missing."""
    try:
        found = Metadata(header.read_header(file).values)
        size = sum(file.with_name(part).stat().st_size for part in parts_of(file.name))
    except OSError as exc:
        raise LoadError(f"{exc.filename or file} cannot be read: {exc.strerror}") from exc
    except NotGguf as exc:
        raise LoadError(
            f"{file} is no complete GGUF file ({exc}): download it again, or choose another"
        ) from exc
    return GgufHeader(
        architecture=found.architecture,
        file_type=found.file_type,
        context=found.context,
        layers=found.layers,
        cache_elements=found.most_cache_values,
        file_bytes=size,
    )
