"""Refuses folders that hold no model to chat with, or none that can be converted, before anything
is converted: one line with the way that works."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from bot.worker.conversion.decoder_config import read_json
from bot.worker.protocol import LoadError, NotConvertible

ADAPTER = "adapter_config.json"

_GENERATES = ("CausalLM", "ConditionalGeneration", "LMHead", "LanguageModeling")
"""What the names of classes that generate text contain."""

_METHODS = {
    "gptq": "GPTQ",
    "awq": "AWQ",
    "compressed-tensors": "compressed-tensors",
    "bitsandbytes": "bitsandbytes",
    "fp8": "FP8",
    "fbgemm_fp8": "FP8",
    "mxfp4": "MXFP4",
}


def refuse_unusable(folder: Path) -> None:
    """Raises LoadError where the folder holds an adapter without its model, or a model that
    generates no text, so that no backend can run it."""
    if (folder / ADAPTER).is_file() and not (folder / "config.json").is_file():
        raise LoadError(
            f"{folder} is a LoRA adapter{_base(folder)} and not a whole model: merge it into its "
            "model (merge_and_unload of peft) and name the merged folder, or use the model itself"
        )
    config = read_json(folder)
    given = config.get("architectures")
    names = [str(name) for name in given] if isinstance(given, list) else []
    generates = any(part in name for name in names for part in _GENERATES)
    if names and not generates:
        raise LoadError(
            f"{folder} is a {_shown(names[0])}, which gives embeddings or scores and writes no "
            "text: choose a chat model"
        )
    if config.get("is_encoder_decoder") is True:
        raise LoadError(
            f"{folder} is an encoder-decoder model ({_shown(', '.join(names))}), not a chat model: "
            "choose a decoder-only model such as Qwen3"
        )


def refuse_unsupported(folder: Path, model_types: Collection[str]) -> None:
    """Raises LoadError as `refuse_unusable` does, and where the weights are quantized already or
    the model's type is none of `model_types`, those that can be converted."""
    refuse_unusable(folder)
    config = read_json(folder)
    method = quantization(config)
    if method is not None and method != "MXFP4":  # which an export reads: gpt-oss
        raise LoadError(
            f"{folder / 'config.json'}: the weights are quantized already ({method}): use the "
            "original model, which [model] low_bit quantizes, or the same model as a GGUF file or "
            "an export for OpenVINO"
        )
    kind = config.get("model_type")
    if kind not in model_types:
        raise NotConvertible(
            f"{folder / 'config.json'}: a model of type {json.dumps(kind)[:60]} cannot be "
            f"converted for OpenVINO (only {', '.join(model_types)}): use the same model as an "
            "export for OpenVINO (names such as OpenVINO/Qwen3-8B-int4-ov) or as a GGUF file, or "
            '[model] backend = "torch"'
        )


def quantization(config: Mapping[str, Any]) -> str | None:
    """How the weights are quantized, as far as config.json says; None where they are not."""
    text = config.get("text_config")
    for part in (config, text if isinstance(text, dict) else {}):
        # "quantization" is MLX's name, "compression_config" an earlier one of compressed-tensors.
        for name in ("quantization_config", "compression_config", "quantization"):
            if given := part.get(name):
                method = given.get("quant_method") if isinstance(given, dict) else None
                return _METHODS.get(str(method), _shown(str(method or "by another program")))
    return None


def _shown(name: str) -> str:
    return (name if name.isprintable() else repr(name))[:60]


def _base(folder: Path) -> str:
    """The name of the model that the adapter in this folder is for, in words."""
    try:
        name = json.loads((folder / ADAPTER).read_bytes())["base_model_name_or_path"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""
    return f" for {name}" if isinstance(name, str) and name.isprintable() and name else ""
