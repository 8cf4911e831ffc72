"""What a model of transformers expects of its attention masks and positions.

Which mask a layer gets is decided as in transformers' ``create_masks_for_generate``: one for each
of the configuration's ``layer_types``, else one for all layers.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.worker.conversion.rope import dynamic_limit, long_context_note
from bot.worker.protocol import LoadError

FULL, SLIDING = "full_attention", "sliding_attention"


@dataclass(frozen=True, slots=True)
class Masks:
    """The attention masks that a model takes."""

    windows: Mapping[str, int]
    """For each kind of layer: to how many tokens, itself included, a token attends; 0 for all."""
    additive: bool = False
    """Masks are numbers that are added to the scores, instead of truth values."""


def masks_of(config: Any, folder: Path) -> Masks:
    """The masks for a model with this text configuration. Raises LoadError where it has layers of
    other kinds than attention to all tokens or to a sliding window."""
    kinds = set(getattr(config, "layer_types", None) or [])
    if other := kinds - {FULL, SLIDING}:
        raise _other_layers(folder, f"layers of type {', '.join(sorted(other))}")
    if getattr(config, "attention_chunk_size", None) and not kinds:
        raise _other_layers(folder, "chunked attention")
    if "local" in (getattr(config, "attention_layers", None) or ()):  # GPT-Neo
        raise _other_layers(folder, "local attention")
    window = getattr(config, "sliding_window", None)
    if not getattr(config, "use_sliding_window", True):
        window = None
    if not kinds:
        kinds = {SLIDING} if window else {FULL}
    return Masks({kind: int(window or 0) if kind == SLIDING else 0 for kind in sorted(kinds)})


def auto_class(transformers: Any, config: Any) -> Any:
    """The class of transformers that loads a model with this configuration: that for text, or,
    where it does not know the model, that for images and text, such as Mistral 3."""
    text, images = transformers.AutoModelForCausalLM, transformers.AutoModelForImageTextToText
    only_images = type(config) not in text._model_mapping and type(config) in images._model_mapping
    return images if only_images else text


def refuse_stateful(model_class: Any, folder: Path) -> None:
    """Raises LoadError for a model with a recurrent state (linear attention, Mamba) besides the KV
    cache or in its place."""
    if getattr(model_class, "_is_stateful", False):
        raise _other_layers(folder, "a recurrent state (linear attention or Mamba)")


def cannot_run(config: Any, folder: Path) -> LoadError:
    """The refusal of a model that takes masks, positions or a cache in a way of its own."""
    return _other_layers(folder, f"the type {config.model_type} with a cache of its own kind")


def _other_layers(folder: Path, what: str) -> LoadError:
    return LoadError(
        f'{folder} has {what}, which backend = "torch" cannot run: use the same model as a GGUF '
        "file or an export for OpenVINO, or another model"
    )


def attention_implementation(config: Any) -> str | None:
    """transformers' name of the attention for a model with this text configuration; None for the
    fastest that the model has. Its "sdpa" cannot cap the scores, as Gemma 2 does."""
    return "eager" if getattr(config, "attn_logit_softcapping", None) else None


# ---------------------------------------------------------------- positions


def fix_positions(model: Any, context: int) -> str:
    """Fix the frequencies of RoPE for a context window of `context` tokens, and return what the
    operator should know, or "".

    transformers changes them with the longest text of a batch, for all texts in it, while the KV
    cache keeps what was computed before. Here the window decides once: see
    `bot.worker.conversion.rope.Rope.at`. Raises LoadError where the model has none for it."""
    note, trained = "", getattr(model.config.get_text_config(), "max_position_embeddings", context)
    for module in model.modules():
        for prefix, kind, parameters in _rope_kinds(module):
            if kind == "dynamic" and context > trained:
                raise dynamic_limit(trained)
            if kind == "longrope":
                limit = int(parameters["original_max_position_embeddings"])
                if context > limit:
                    _use_long(module, prefix, limit)
                    note = long_context_note(limit, context)
    return note


def _rope_kinds(module: Any) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The prefix of the attributes, the type and the parameters of each RoPE in this module."""
    kinds = getattr(module, "rope_type", None)
    given = getattr(getattr(module, "config", None), "rope_parameters", None) or {}
    if isinstance(kinds, dict):
        return [(f"{layer}_", kind, given[layer]) for layer, kind in kinds.items()]
    return [("", kinds, given)] if isinstance(kinds, str) else []


def _use_long(module: Any, prefix: str, limit: int) -> None:
    functions = importlib.import_module("transformers.modeling_rope_utils").ROPE_INIT_FUNCTIONS
    current = getattr(module, f"{prefix}inv_freq")
    layer = {"layer_type": prefix.removesuffix("_")} if prefix else {}
    long, _ = functions["longrope"](module.config, current.device, seq_len=limit + 1, **layer)
    for name in ("inv_freq", "original_inv_freq"):
        getattr(module, prefix + name).copy_(long)
