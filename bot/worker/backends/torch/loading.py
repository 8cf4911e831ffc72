"""Loads a model of transformers onto a device, in a precision."""

import importlib
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.worker.backends.torch.device import Precision, choose_device, choose_precision
from bot.worker.backends.torch.layer_kinds import (
    Masks,
    attention_implementation,
    auto_class,
    masks_of,
    refuse_stateful,
)
from bot.worker.backends.torch.low_bit import quantize
from bot.worker.conversion.decoder_config import read_json
from bot.worker.conversion.unsupported import quantization, refuse_unusable
from bot.worker.protocol import LoadError, LoadOptions


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model on its device."""

    model: Any
    masks: Masks
    device: str
    precision: Precision


def import_torch() -> tuple[Any, Any]:
    """The modules torch and transformers. Raises LoadError where one is missing or too old."""
    torch, transformers = _import("torch"), _import("transformers")
    if int(transformers.__version__.partition(".")[0]) < 5:
        raise LoadError(
            f'backend "torch" needs transformers 5, and {sys.executable} has '
            f"{transformers.__version__}: run {sys.executable} -m pip install -U transformers"
        )
    return torch, transformers


def load_model(torch: Any, transformers: Any, options: LoadOptions) -> Loaded:
    """Load the model of these options. Raises LoadError where torch cannot run it there."""
    device = choose_device(torch, options.device)
    if device.startswith("cuda"):
        # cuDNN plans its kernels anew for each sequence length, which takes longer than a step.
        torch.backends.cuda.enable_cudnn_sdp(False)
    folder = Path(options.model)
    refuse_unusable(folder)
    transformers.utils.logging.disable_progress_bar()
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    text = config.get_text_config()
    loader = auto_class(transformers, config)
    refuse_stateful(loader._model_mapping.get(type(config), None), folder)
    masks = masks_of(text, folder)
    own = str(getattr(text, "dtype", None) or "float32").removeprefix("torch.")
    precision = choose_precision(device, options.low_bit, own)
    try:
        model = loader.from_pretrained(
            folder,
            dtype=getattr(torch, precision.stored),
            local_files_only=True,
            use_safetensors=True,
            attn_implementation=attention_implementation(text),
        )
        model = _on_device(torch, model, precision, device)
    except torch.OutOfMemoryError as exc:
        raise LoadError(
            f"{folder} does not fit into the memory of {device}: choose a smaller model, "
            'or backend = "openvino", which quantizes with less memory'
        ) from exc
    except (ImportError, ValueError, RuntimeError) as exc:
        if (method := quantization(read_json(folder))) is None:
            raise
        raise LoadError(
            f"{folder}: transformers cannot load weights that are quantized with {method} here "
            f"({' '.join(str(exc).split())[:150]}): use the original model, which [model] "
            "low_bit quantizes, or the same model as a GGUF file"
        ) from exc
    attention = model.config.get_text_config()._attn_implementation
    return Loaded(model, replace(masks, additive=attention == "eager"), device, precision)


def _on_device(torch: Any, model: Any, precision: Precision, device: str) -> Any:
    if precision.quantization:
        quantize(torch, model, precision.quantization, device)
        return model.to(device).eval()
    return model.to(device, getattr(torch, precision.computed)).eval()


def _import(name: str) -> Any:
    """Raises LoadError where the module cannot be imported."""
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise LoadError(
            f'backend "torch" needs {name}, which {sys.executable} does not have or cannot load '
            f"({exc}): install torch and transformers there, or name another interpreter in "
            "[model] python"
        ) from exc
