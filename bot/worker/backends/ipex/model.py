"""Loads models with ipex-llm, and keeps them in the form that it makes of them.

The first load reads the model's own weights and makes fewer bits of them, which takes minutes and
the memory of the whole model; what comes out is saved, and later starts load that.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bot.worker.backends.ipex.low_bit import INTEGRATED, forms_of, set_environment
from bot.worker.backends.torch.device import choose_device
from bot.worker.conversion.model_cache import kept
from bot.worker.protocol import LoadError, LoadOptions

MARKER = "load_keys.json"
"""The file that ``save_low_bit`` writes last."""

Report = Callable[[str, int, int], None]


def import_ipex() -> tuple[Any, Any]:
    """``torch`` and ``ipex_llm.transformers``, set up. Raises LoadError."""
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
    """ "cpu", "xpu" or "xpu:1". Raises LoadError for a device that is not there."""
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
    library: Any, torch: Any, options: LoadOptions, device: str, low_bit: str, report: Report
) -> Any:
    """The model on its device, ready to compute. Raises LoadError where it cannot be loaded."""
    source = Path(options.model)
    keywords = {
        "optimize_model": options.optimize_model,
        "cpu_embedding": _cpu_embedding(options, device),
    }
    if not options.cache_dir:
        return _on_device(_convert(library, source, low_bit, keywords), torch, device, low_bit)
    fresh: list[Any] = []

    def make(folder: Path) -> None:
        report(f"Converting the model to {low_bit}", 0, 0)
        fresh.append(_convert(library, source, low_bit, keywords))
        report("Saving the converted model", 0, 0)
        fresh[0].save_low_bit(str(folder))

    optimised, plain = forms_of(low_bit)
    form = optimised if options.optimize_model else plain
    folder = kept(source, Path(options.cache_dir), form, MARKER, make, report)
    if fresh:
        return _on_device(fresh[0], torch, device, low_bit)
    report("Loading the converted model", 0, 0)
    model = library.AutoModelForCausalLM.load_low_bit(str(folder), **keywords)
    return _on_device(model, torch, device, low_bit)


def _convert(library: Any, source: Path, low_bit: str, keywords: dict[str, bool]) -> Any:
    how = {"load_in_4bit": True} if low_bit == "sym_int4" else {"load_in_low_bit": low_bit}
    return library.AutoModelForCausalLM.from_pretrained(
        str(source), **how, **keywords, use_cache=True, local_files_only=True
    )


def _on_device(model: Any, torch: Any, device: str, low_bit: str) -> Any:
    # ``device_map`` is refused by ipex-llm. Its fast attention on GPUs wants 16-bit floats.
    if device != "cpu":
        model = model.to(torch.bfloat16) if low_bit == "bf16" else model.half()
        model = model.to(device)
    return model.eval()


def _cpu_embedding(options: LoadOptions, device: str) -> bool:
    """Whether the table of words stays in the machine's own memory: that is slower on a card and
    better on a processor's graphics, which has little room in one piece."""
    if options.cpu_embedding is not None or device == "cpu":
        return bool(options.cpu_embedding)
    torch = importlib.import_module("torch")
    names = importlib.import_module("ipex_llm.transformers.utils")
    return names.get_xpu_device_name(torch.device(device)) in INTEGRATED
