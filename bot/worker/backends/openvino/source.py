"""Finds or makes what OpenVINO loads for a model: the routes, in this order.

A GGUF file is read by GenAI itself. A folder in OpenVINO's format is loaded as it is, a
vision-language one after its parts are joined. A Hugging Face folder is converted, by Parley's own
converter or, where that does not know the architecture, by an export (`exporter`). Converted,
joined and exported models are cached.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from bot.worker.backends.openvino.exporter import (
    HOW,
    exported,
    find_exported,
    resolve_export_low_bit,
)
from bot.worker.backends.openvino.gguf_file import INSTALL, ROUNDED_NOTE, read_gguf
from bot.worker.backends.openvino.joined import joined
from bot.worker.backends.openvino.library import MODEL_FILE, exported_file
from bot.worker.backends.openvino.model_facts import CacheShape, read_facts
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.convert import resolve_low_bit
from bot.worker.conversion.model_cache import converted
from bot.worker.gguf.files import is_gguf
from bot.worker.protocol import LoadError, LoadOptions, NotConvertible, Progress

_GGUF_NOTE = f"OpenVINO reads this GGUF file; llama.cpp runs more kinds of them: {INSTALL}"

FULL_PRECISION = ("fp32", "fp16")
"""Weights with which the arithmetic is exact, so that answers equal those of other backends."""

_UNKNOWN = "as exported"
"""`Source.low_bit` of a graph whose weights have a type that is not known."""


@dataclass(frozen=True, slots=True)
class Source:
    """What OpenVINO GenAI loads."""

    path: Path
    """A folder with `MODEL_FILE`, or a GGUF file."""
    name: str
    """The model's folder or file, for people."""
    low_bit: str
    """The quantization of the weights, for people: "sym_int4", "int4 (as exported)"."""
    exact: bool
    """Whether the weights are in fp16 or fp32, so that the arithmetic should be exact, too."""
    cache: CacheShape | None
    """None where it is not known."""
    weight_bytes: int
    note: str = ""
    """See `bot.worker.protocol.Facts`."""

    @property
    def quantized(self) -> bool:
        """Whether the weights are known to have 4 or 8 bits; not with bf16."""
        return not self.exact and not self.low_bit.startswith(("bf16", _UNKNOWN))


def find_source(options: LoadOptions, report: Progress, memory: int | None = None) -> Source:
    """What to load for these options; converted, joined or exported first where necessary. `memory`
    is in bytes what the device has in all; None where it is not known. Raises LoadError where
    nothing can be loaded, with the way that works."""
    model = Path(options.model)
    if is_gguf(model):
        return _gguf(model)
    if exported_file(model) is not None:
        return _ready(model, model.name, options, report)
    try:
        config = read_config(model)
    except NotConvertible as refusal:
        return _exported(model, options, report, refusal)
    low_bit = resolve_low_bit(options.low_bit, config)
    if not options.cache_dir:
        raise LoadError("[model] cache_dir is missing: it holds the converted models")
    cache = Path(options.cache_dir)
    folder = converted(model, cache, low_bit, report, options.context, memory)
    return replace(_made(folder, model.name, low_bit), note=config.note(options.context))


def _gguf(file: Path) -> Source:
    model = read_gguf(file)
    return Source(
        file,
        file.name,
        model.file_type,
        model.exact,
        model.cache,
        model.weight_bytes,
        ROUNDED_NOTE if model.rounded else _GGUF_NOTE,
    )


def _ready(folder: Path, name: str, options: LoadOptions, report: Progress) -> Source:
    """A folder in OpenVINO's format that somebody else made."""
    if not (folder / MODEL_FILE).is_file():
        folder = joined(folder, options.cache_dir, report)
    facts = read_facts(folder / MODEL_FILE)
    low_bit = f"{facts.weights} (as exported)" if facts.weights else _UNKNOWN
    exact = facts.weights in FULL_PRECISION
    note = _note(facts.cache)
    return Source(folder, name, low_bit, exact, facts.cache, _weight_bytes(folder), note)


def _exported(
    model: Path, options: LoadOptions, report: Progress, refusal: NotConvertible
) -> Source:
    """The export of a model that Parley's converter refused: the cached one, or one made now where
    the operator asked for it (``options.exporter``)."""
    low_bit = resolve_export_low_bit(model, options.low_bit)
    folder = find_exported(model, options.cache_dir, low_bit)
    if folder is None:
        if not options.exporter:
            raise LoadError(f"{refusal}; or export it once: {HOW} {model}") from refusal
        folder = exported(model, options.cache_dir, low_bit, options.exporter, report)
    return _made(folder, model.name, low_bit)


def _made(folder: Path, name: str, low_bit: str) -> Source:
    """A folder in OpenVINO's format that Parley made."""
    cache = read_facts(folder / MODEL_FILE).cache
    exact = low_bit in FULL_PRECISION
    return Source(folder, name, low_bit, exact, cache, _weight_bytes(folder), _note(cache))


def _note(cache: CacheShape) -> str:
    """What the operator should know of a model with these caches."""
    if not cache.hybrid:
        return ""
    return "this hybrid model has no prefix cache: each question computes its whole conversation"


def _weight_bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.bin"))
