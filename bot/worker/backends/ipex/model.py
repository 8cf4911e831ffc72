"""Loads models with ipex-llm.

The first load quantizes the weights, which takes minutes and as much memory as the original model.
The converted model is saved (``save_low_bit``) and loaded directly by later starts.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from bot.worker.backends.ipex.low_bit import INTEGRATED, converted_kinds, set_environment
from bot.worker.backends.torch.device import choose_device
from bot.worker.conversion.model_cache import get_or_convert
from bot.worker.protocol import LoadError, LoadOptions, Progress

MARKER = "load_keys.json"
"""The file that ``save_low_bit`` writes last."""


def import_ipex() -> tuple[Any, Any]:
    """The modules ``torch`` and ``ipex_llm.transformers``, with the environment set. Raises
    LoadError where one cannot be imported."""
    set_environment(os.environ)
    try:
        torch = importlib.import_module("torch")
        return torch, importlib.import_module("ipex_llm.transformers")
    except ImportError as exc:
        raise LoadError(
            f'backend "ipex" needs ipex-llm, which {sys.executable} does not have or cannot load '
            f'({exc}): run "parley backend install ipex", which says what to set in [model] python'
        ) from exc


def choose_ipex_device(torch: Any, wanted: str) -> str:
    """torch's name of the device for ``[model] device``: "cpu", "xpu" or "xpu:1". Raises LoadError
    for a device that is not available or not ipex-llm's."""
    if wanted == "auto":
        xpu = getattr(torch, "xpu", None)
        return "xpu" if xpu is not None and xpu.is_available() else "cpu"
    if wanted.startswith(("gpu", "cuda")):
        raise LoadError(
            f'[model] device = "{wanted}" is not for backend = "ipex", which calls Intel GPUs '
            '"xpu" and also runs on "cpu"'
        )
    return choose_device(torch, wanted)


def load_model(
    library: Any, torch: Any, options: LoadOptions, device: str, low_bit: str, report: Progress
) -> Any:
    """The model on its device, ready for inference; converted and saved where it was not yet.
    `library` is ``ipex_llm.transformers``. Raises LoadError where the cache cannot be written, and
    whatever ipex-llm raises."""
    source = Path(options.model)
    keywords = {
        "optimize_model": options.optimize_model,
        "cpu_embedding": _cpu_embedding(options, device),
    }
    if not options.cache_dir:
        return _on_device(_convert(library, source, low_bit, keywords), torch, device, low_bit)
    converted: list[Any] = []

    def make(folder: Path) -> None:
        report(f"Converting the model to {low_bit}", 0, 0)
        converted.append(_convert(library, source, low_bit, keywords))
        report("Saving the converted model", 0, 0)
        converted[0].save_low_bit(str(folder))

    optimized, plain = converted_kinds(low_bit)
    kind = optimized if options.optimize_model else plain
    folder = get_or_convert(source, Path(options.cache_dir), kind, MARKER, make, report)
    if converted:
        return _on_device(converted[0], torch, device, low_bit)
    report("Loading the converted model", 0, 0)
    model = library.AutoModelForCausalLM.load_low_bit(str(folder), **keywords)
    return _on_device(model, torch, device, low_bit)


def _convert(library: Any, source: Path, low_bit: str, keywords: dict[str, bool]) -> Any:
    how = {"load_in_4bit": True} if low_bit == "sym_int4" else {"load_in_low_bit": low_bit}
    return library.AutoModelForCausalLM.from_pretrained(
        str(source), **how, **keywords, use_cache=True, local_files_only=True
    )


def _on_device(model: Any, torch: Any, device: str, low_bit: str) -> Any:
    # ipex-llm rejects ``device_map``. Its optimized attention on GPUs requires 16-bit floats.
    if device != "cpu":
        model = model.to(torch.bfloat16) if low_bit == "bf16" else model.half()
        model = model.to(device)
    return model.eval()


def _cpu_embedding(options: LoadOptions, device: str) -> bool:
    """Whether the embedding table stays in main memory. By default on integrated GPUs only, which
    limit the size of one allocation; on a discrete GPU it would be slower."""
    if options.cpu_embedding is not None or device == "cpu":
        return bool(options.cpu_embedding)
    torch = importlib.import_module("torch")
    names = importlib.import_module("ipex_llm.transformers.utils")
    return names.get_xpu_device_name(torch.device(device)) in INTEGRATED
