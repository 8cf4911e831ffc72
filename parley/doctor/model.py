"""Checks of the model: whether it is present, has a chat format, and fits the device's memory.

The memory is estimated for models of Llama's architecture, from the sizes in config.json and the
weight formats of `bot.worker.conversion`, and for GGUF files, from their size and metadata: weights
plus KV cache.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from bot.checks import Result, State
from bot.config import ModelSettings, Settings
from bot.errors import ModelError
from bot.generation.options import MAX_CONTEXT
from bot.generation.reasoning import template_variables
from bot.generation.thinking import families_in
from bot.messages import Reasoning
from bot.models.folder import ModelFolder, PromptStyle
from bot.models.gguf import read_gguf
from bot.models.kind import kind_of
from bot.models.needs import loaded_size
from bot.models.repository import read_repository
from bot.worker.backends.ipex.low_bit import choose_low_bit
from bot.worker.backends.llamacpp.sizing import CACHE_SHARE as LLAMACPP_SHARE
from bot.worker.backends.openvino.exporter import HOW, find_exported, resolve_export_low_bit
from bot.worker.backends.openvino.library import exported_file
from bot.worker.backends.openvino.memory import CACHE_SHARE as OPENVINO_SHARE
from bot.worker.backends.torch.device import CACHE_SHARE as TORCH_SHARE
from bot.worker.backends.torch.device import choose_precision
from bot.worker.context import SHARE, context_that_fits
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.convert import resolve_low_bit
from bot.worker.conversion.decoder_config import DecoderConfig
from bot.worker.gguf.files import is_gguf
from bot.worker.memory import available_memory
from bot.worker.protocol import LoadError, LoadOptions, NotConvertible
from parley.doctor.interpreter import Device
from parley.doctor.resolve import read_model

AREA = "Model"
HEAD = 64
"""Numbers that share a scale and an offset in a KV cache of 8 bits, where a head's size is not
known; most models have larger heads, which take less."""
LONG_CONTEXTS = (8192, 32_768)
"""Tokens of context windows whose cost is named."""
_BITS = {
    "sym_int4": (4.25, 8.0),
    "asym_int4": (4.3, 8.0),
    "sym_int5": (5.5, 16.0),
    "asym_int5": (5.5, 16.0),
    "nf4": (4.5, 16.0),
    "fp4": (4.5, 16.0),
    "mixed_fp4": (4.5, 16.0),
    "fp8": (8.5, 16.0),
    "mixed_fp8": (8.5, 16.0),
    "sym_int8": (8.0, 8.0),
    "fp16": (16.0, 16.0),
    "bf16": (16.0, 16.0),
    "fp32": (32.0, 32.0),
}
"""Bits per weight, scales included: in the layers, and in the embedding table and output matrix."""
USABLE = 0.9
"""The share of the memory for weights and KV cache where ``[model] context`` is set; the rest
is for intermediate results."""
CACHE_SHARES = {
    "openvino": OPENVINO_SHARE,
    "torch": TORCH_SHARE,
    "ipex": TORCH_SHARE,
    "llamacpp": LLAMACPP_SHARE,
}
"""By library: the share of the memory beside the weights in which a start with ``context = 0``
needs room for one full window at least."""
_STYLES = {
    PromptStyle.LLAMA2: "Llama 2's chat format",
    PromptStyle.TEMPLATE: "its own chat template",
}


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """Estimated memory, in bytes."""

    weights: float
    token: float
    """The KV cache of one token."""
    context: int
    """The context window, in tokens."""

    @property
    def one_context(self) -> float:
        """The KV cache of one conversation that fills the context window."""
        return self.token * self.context


def check_model(settings: Settings) -> tuple[list[Result], ModelFolder | None]:
    """Whether the model is present and can chat; its folder where it can be read. Blocking."""
    name = settings.model.name
    try:
        folder = read_model(settings)
    except ModelError as error:
        detail, remedy = _split_remedy(str(error))
        return [Result(AREA, name, State.FAILED, detail, remedy)], None
    if folder.style is PromptStyle.PLAIN:
        detail = "it has no chat template, so it can only complete text"
        remedy = "Choose a chat model; their names usually end in -chat or -instruct."
        return [Result(AREA, name, State.FAILED, detail, remedy)], folder
    kind = f"{folder.model_type or 'OpenVINO'}, {folder.parameters / 1e6:,.0f} million parameters"
    detail = f"{folder.path} ({kind}, {_STYLES[folder.style]}); {_what_runs(folder.path)}"
    return [Result(AREA, name, State.OK, detail)], folder


def check_reasoning(folder: ModelFolder, section: ModelSettings) -> Result | None:
    """Whether the model thinks, and whether ``reasoning`` has an effect on it; None where nothing
    is to be said."""
    template = folder.chat_template or ""
    thinks = bool(families_in(template))
    wanted = section.reasoning
    what = f'[model] reasoning = "{wanted}"'
    if wanted is Reasoning.AUTO:
        detail = "the model thinks before it answers as its chat template says"
        return Result(AREA, what, State.OK, detail) if thinks else None
    if not thinks:
        detail = "this model does not think, so the setting has no effect"
    elif not template_variables(template, wanted):
        detail = "the chat template has no such switch: the model thinks as it does by itself"
    else:
        return Result(AREA, what, State.OK, "the model's chat template takes it")
    return Result(AREA, what, State.SKIPPED, detail)


def _what_runs(path: Path) -> str:
    kind = kind_of(read_repository(path))
    return f"{kind.title}, runs with {', or '.join(map(str, kind.routes))}"


def check_memory(
    folder: ModelFolder, section: ModelSettings, library: str, device: Device
) -> Result:
    """Whether the weights and the KV caches of ``max_parallel`` full conversations fit into the
    device's memory. With ``context = 0`` these fill the window that a start takes by memory; how
    fast this machine reads, which may make it smaller, only a start measures. Blocking."""
    what = f"context of {context_of(folder, section)} tokens"
    if section.context > folder.context:
        detail = f"the model was trained for {folder.context}"
        remedy = f"Set [model] context to {folder.context} or less, or to 0."
        return Result(AREA, f"context of {section.context} tokens", State.FAILED, detail, remedy)
    memory = _memory(device)
    if is_gguf(folder.path):
        return _check_gguf_memory(folder, section, library, device, memory)
    try:
        config = read_config(folder.path)
    except LoadError:
        return _check_weights(folder.path, what, memory, device)
    if memory is None:
        return Result(AREA, what, State.SKIPPED, "the size of the memory is unknown")
    need = needed(config, section, library, device, context_of(folder, section))
    return _verdict("", need, memory, section, library, device, folder)


def _check_gguf_memory(
    folder: ModelFolder, section: ModelSettings, library: str, device: Device, memory: int | None
) -> Result:
    """The same for a GGUF file: its size, and its KV cache. A bound for models with sliding
    windows, which keep less."""
    gguf, context = read_gguf(folder.path), context_of(folder, section)
    kind = f", {gguf.quantization or 'GGUF'}"
    if memory is None or not gguf.cache_values:
        what = f"context of {context} tokens{kind}"
        return Result(AREA, what, State.SKIPPED, "the memory that it needs cannot be estimated")
    element = _gguf_element(gguf.quantization, section, library, device)
    need = MemoryNeed(gguf.size, element * gguf.cache_values, context)
    return _verdict(kind, need, memory, section, library, device, folder)


def _check_weights(path: Path, what: str, memory: int | None, device: Device) -> Result:
    """Whether the weights alone fit, of a model whose KV cache cannot be estimated."""
    model = read_repository(path)
    kind = kind_of(model)
    weights = loaded_size(kind, model.size_of(kind.weights), model.config)
    detail = f"{_size(weights)} of weights, and a KV cache that cannot be estimated"
    if memory is None or weights <= memory * USABLE:
        return Result(AREA, what, State.SKIPPED, detail)
    detail = f"does not fit: {detail}, of {_size(memory)} on {device.name}"
    remedy = "Choose a smaller model: parley model recommend names those that fit."
    return Result(AREA, what, State.FAILED, detail, remedy)


def check_low_bit(
    folder: ModelFolder,
    section: ModelSettings,
    library: str,
    device: Device,
    cache: Path | None = None,
) -> Result | None:
    """The failure where the backend does not support this architecture, or ``low_bit`` on this
    device; None where it supports both. An export of the model in `cache`, the folder of converted
    models, is supported, too. Blocking."""
    try:
        if library == "torch":
            choose_precision(device.name.lower(), section.low_bit, "float16")
        elif library == "ipex":
            choose_low_bit(section.low_bit, device.name.lower(), None)
        elif library == "llamacpp":
            _require_gguf(folder.path)
        elif not is_gguf(folder.path) and exported_file(folder.path) is None:
            resolve_low_bit(section.low_bit, read_config(folder.path))
    except NotConvertible as error:
        if cache is not None and _is_exported(folder.path, section, cache):
            return None
        detail, remedy = _split_remedy(str(error))
        remedy = f"{remedy}; or export it once: {HOW} {section.name}"
        return Result(AREA, folder.path.name, State.FAILED, detail, remedy)
    except LoadError as error:
        detail, remedy = _split_remedy(str(error))
        remedy = remedy or 'Set [model] low_bit to one of these, or to "auto".'
        return Result(AREA, f"weights of {section.low_bit}", State.FAILED, detail, remedy)
    return None


def _is_exported(model: Path, section: ModelSettings, cache: Path) -> bool:
    low_bit = resolve_export_low_bit(model, section.low_bit)
    try:
        return find_exported(model, str(cache), low_bit) is not None
    except LoadError:  # it holds no weights
        return False


def _require_gguf(path: Path) -> None:
    if not is_gguf(path):
        raise LoadError(
            f'{path} is no GGUF file, and backend = "llamacpp" runs nothing else. Set [model] '
            'backend = "auto", or name a .gguf file'
        )


def _memory(device: Device) -> int | None:
    """Bytes that the backend can use; None if unknown. Of shared memory, only what is free."""
    if device.memory is None:
        return available_memory()
    return (
        min(device.memory, available_memory() or device.memory) if device.shared else device.memory
    )


def context_of(folder: ModelFolder, section: ModelSettings) -> int:
    """The context window, in tokens, that the settings mean; with ``context = 0`` the most that
    they mean, if memory and speed allow it."""
    return section.context or folder.default_context(MAX_CONTEXT)


def needed(
    config: DecoderConfig, section: ModelSettings, library: str, device: Device, context: int
) -> MemoryNeed:
    """The memory that the model needs with this library on this device, for a context window of
    `context` tokens."""
    low_bit = _low_bit(config, section, library, device)
    in_layers, at_ends = _BITS[low_bit]
    ends = (1 if config.tied else 2) * config.vocab * config.hidden
    bits = (config.parameters - ends) * in_layers + ends * at_ends
    small = library == "openvino" and section.openvino.kv_cache == "int8"
    element = 1.0 + 8.0 / config.head_size if small else _element(config, low_bit, library, device)
    token = config.cache_bytes(element)
    return MemoryNeed(bits / 8, token, context)


def _low_bit(config: DecoderConfig, section: ModelSettings, library: str, device: Device) -> str:
    if section.low_bit != "auto":
        return section.low_bit
    if library == "torch":
        return "fp16" if device.memory else "fp32"
    if library == "ipex":
        return choose_low_bit(section.low_bit, device.name.lower(), config.parameters)
    return resolve_low_bit(section.low_bit, config)


def _element(config: DecoderConfig, low_bit: str, library: str, device: Device) -> float:
    """Bytes per number in the KV cache. `low_bit` is one that the library has on this device."""
    if library == "torch":  # it keeps what the model computes in
        computed = choose_precision(device.name.lower(), low_bit, "float16").computed
        return 4.0 if computed == "float32" else 2.0
    if device.memory:
        return 2.0
    full = library == "ipex" or low_bit in ("fp16", "fp32")
    return 4.0 if full else 1.0 + 8.0 / config.head_size


def _gguf_element(quantization: str, section: ModelSettings, library: str, device: Device) -> float:
    """The same for a GGUF file: llama.cpp keeps 16 bits, OpenVINO what it keeps of a folder."""
    if library != "openvino":
        return 2.0
    if section.openvino.kv_cache != "int8":
        if device.memory:
            return 2.0
        if quantization in ("F32", "F16", "BF16"):
            return 4.0
    return 1.0 + 8.0 / HEAD


def _verdict(
    kind: str,
    need: MemoryNeed,
    memory: int,
    section: ModelSettings,
    library: str,
    device: Device,
    folder: ModelFolder,
) -> Result:
    """`need`: for the window that `context_of` says. `kind`: for the title, after the window."""
    most, need = need.context, _as_started(need, memory, section, library)
    what = f"context of {need.context} tokens{kind}"
    room = _room(need, memory, section, library)
    fitting = int(room / need.one_context) if room > 0 else 0
    detail = (
        f"{_size(need.weights)} of weights and {_size(need.one_context)} of KV cache per answer, "
        f"of {_size(memory)} on {device.name}; {_long_contexts(need)}"
    )
    fewer = "" if section.low_bit == "sym_int4" else '[model] low_bit = "sym_int4"'
    fewer = "a file with fewer bits" if is_gguf(folder.path) else fewer
    other = f"a smaller model than {folder.path.name}"
    if fitting < 1:
        smaller = "a smaller [model] context" if section.context and room > 0 else ""
        remedy = f"Choose {_one_of(fewer, smaller, other)}."
        even = "" if section.context else f" even with a window of {need.context} tokens, the least"
        return Result(AREA, what, State.FAILED, f"does not fit{even}: {detail}", remedy)
    if need.context < most:
        detail = (
            f"context = 0 means about {need.context} tokens here, for more would take over "
            f"{SHARE:.0%} of the free memory; {detail}"
        )
    if fitting < section.max_parallel:
        more = "a smaller [model] context" if section.context else _one_of(fewer, other)
        remedy = (
            f"{fitting} of {section.max_parallel} parallel answers fit with a full context; the "
            f"others wait. For more, choose {more}."
        )
        return Result(AREA, what, State.WARNING, f"fits: {detail}", remedy)
    return Result(AREA, what, State.OK, f"fits: {detail}")


def _as_started(need: MemoryNeed, memory: int, section: ModelSettings, library: str) -> MemoryNeed:
    """The need with the window that a start takes: a smaller one only with ``context = 0``, by the
    rule that the backends have for it."""
    options = LoadOptions(
        library,
        context=need.context,
        max_parallel=section.max_parallel,
        fit=section.context == 0,
    )
    free = memory - int(need.weights)
    return replace(need, context=context_that_fits(options, free, need.token))


def _room(need: MemoryNeed, memory: int, section: ModelSettings, library: str) -> float:
    """Bytes for full windows beside the weights: with ``context = 0`` those that a start has, so
    that both say the same of the least window."""
    if section.context == 0:
        return (memory - need.weights) * CACHE_SHARES[library]
    return memory * USABLE - need.weights


def _one_of(*choices: str) -> str:
    """The choices that are not empty, for people: "a, b, or c"."""
    *others, last = filter(None, choices)
    return f"{', '.join(others)}, or {last}" if others else last


def _long_contexts(need: MemoryNeed) -> str:
    """What long context windows cost."""
    costs = (f"{_size(tokens * need.token)} at {tokens:,} tokens" for tokens in LONG_CONTEXTS)
    return f"an answer's KV cache takes {' and '.join(costs)}"


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.0f} MB"


def _split_remedy(line: str) -> tuple[str, str]:
    """An error's line as what is wrong, and the remedy after its last full stop or colon."""
    for mark in (". ", ": "):
        before, found, after = line.rpartition(mark)
        if found and before:
            return before, after[:1].upper() + after[1:]
    return line, ""
