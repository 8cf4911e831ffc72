"""The architectures that the converter knows: how each ``config.json`` maps to `DecoderConfig`.

Names, defaults and meanings of the entries are those of transformers' configuration classes. To add
one with the same skeleton (RMSNorm, rotary attention, gated MLP), add a function and its row in
`_READERS`, and a test with transformers' own class in
``tests/bot/worker/conversion/test_architectures.py``.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot.worker.conversion.config_reader import (
    FULL,
    MLP,
    QKV,
    QKVO,
    SLIDING,
    Config,
    ConfigReader,
)
from bot.worker.conversion.decoder_config import DecoderConfig, Norms, read_json
from bot.worker.conversion.unsupported import refuse_unsupported
from bot.worker.protocol import LoadError, NotConvertible


def read_config(folder: Path) -> DecoderConfig:
    """The configuration in a model's folder. Raises LoadError where config.json is missing,
    damaged, or of a model that cannot be converted."""
    refuse_unsupported(folder, MODEL_TYPES)
    path, config = folder / "config.json", _text_part(read_json(folder))
    kind, reader = str(config.get("model_type")), ConfigReader(config)
    if kind not in _READERS:
        raise _not_supported(path, f"a text model of type {json.dumps(kind)[:60]} is not supported")
    try:
        found = _READERS[kind](reader)
        reader.check_rest()
    except LoadError as exc:
        raise _not_supported(path, str(exc)) from exc
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
        raise LoadError(f"{path} has a missing or invalid number: {_line(exc)}") from exc
    return found


def _text_part(config: Config) -> Config:
    """The configuration of the text model in one for images and text."""
    text = config.get("text_config")
    if config["model_type"] not in _WITH_IMAGES or not isinstance(text, dict):
        return config
    tied = config.get("tie_word_embeddings")
    given = text if tied is None else {**text, "tie_word_embeddings": tied}
    return {**_WITH_IMAGES[config["model_type"]], **given}


def _not_supported(path: Path, what: str) -> NotConvertible:
    return NotConvertible(
        f"{path}: {what}: use the same model as an export for OpenVINO (names such as "
        'OpenVINO/Qwen3-8B-int4-ov) or as a GGUF file, or [model] backend = "torch"'
    )


def _line(error: Exception) -> str:
    text = str(error)[:200]
    return text if text.isprintable() else repr(text)


# ---------------------------------------------------------------- the architectures


def _llama(config: ConfigReader) -> DecoderConfig:
    return config.decoder(
        biases=frozenset(config.biased("attention_bias", QKVO) | config.biased("mlp_bias", MLP))
    )


def _alike(config: ConfigReader, window: int | None) -> list[str]:
    """All layers with the window, where there is one."""
    return [SLIDING if window else FULL] * len(config.numbers)


def _mistral(config: ConfigReader) -> DecoderConfig:
    window = config.get("sliding_window")
    config.get("layer_types")  # transformers has none for this type
    return config.decoder(
        window=window,
        kinds=_alike(config, window),
    )


def _ministral(config: ConfigReader) -> DecoderConfig:
    window = config.get("sliding_window")
    return config.decoder(window=window, kinds=config.kinds(_alike(config, window)))


def _ministral3(config: ConfigReader) -> DecoderConfig:
    """Mistral, with YaRN and queries that grow with their position."""
    given = dict(config.config)
    name = "rope_parameters" if given.get("rope_parameters") else "rope_scaling"
    scaling = dict(given[name])
    beta = scaling.pop("llama_4_scaling_beta", None)
    length = scaling.get("original_max_position_embeddings") or given["max_position_embeddings"]
    config.config = given | {name: scaling}
    window = config.get("sliding_window")
    return config.decoder(
        window=window,
        kinds=_alike(config, window),
        query_growth=(float(beta), int(length)) if beta else None,
    )


def _qwen_kinds(config: ConfigReader) -> tuple[list[str], int | None]:
    """The kinds of layers, and the window, of Qwen 2 and 3."""
    window = config.get("sliding_window", 4096)
    window = window if config.get("use_sliding_window") else None
    first = int(config.get("max_window_layers", 28))
    far = [SLIDING if window and layer >= first else FULL for layer in config.numbers]
    return config.kinds(far), window


def _qwen2(config: ConfigReader) -> DecoderConfig:
    kinds, window = _qwen_kinds(config)
    return config.decoder(kinds=kinds, window=window, biases=frozenset(QKV))


def _qwen3(config: ConfigReader) -> DecoderConfig:
    kinds, window = _qwen_kinds(config)
    return config.decoder(
        kinds=kinds,
        window=window,
        head_size=128,
        query_key_norm="head",
        biases=frozenset(config.biased("attention_bias", QKVO)),
    )


def _phi3(config: ConfigReader) -> DecoderConfig:
    """Also Phi-4. Its RoPE scaling was first called "su", and "yarn" in an early version."""
    given = {"original_max_position_embeddings": 4096, **config.config}
    for name in ("rope_parameters", "rope_scaling"):
        scaling = dict(given.get(name) or {})
        if (scaling.get("rope_type") or scaling.get("type")) in ("su", "yarn"):
            given[name] = scaling | {"rope_type": "longrope"}
    config.config = given
    window = config.get("sliding_window")
    return config.decoder(
        window=window,
        kinds=_alike(config, window),
        partial=True,
        fused=frozenset({"qkv_proj", "gate_up_proj"}),
    )


def _granite(config: ConfigReader) -> DecoderConfig:
    return config.decoder(
        biases=frozenset(config.biased("attention_bias", QKVO) | config.biased("mlp_bias", MLP)),
        embedding_multiplier=float(config.get("embedding_multiplier", 1.0)),
        residual_multiplier=float(config.get("residual_multiplier", 1.0)),
        logits_multiplier=1 / float(config.get("logits_scaling", 1.0)),
        attention_scale=float(config.get("attention_multiplier", 1.0)),
    )


def _all_but(step: int, config: ConfigReader) -> list[str]:
    """`FULL` for each layer that is a multiple of `step`, counted from one; others `SLIDING`."""
    return [SLIDING if (layer + 1) % step else FULL for layer in config.numbers]


def _smollm3(config: ConfigReader) -> DecoderConfig:
    step = int(config.get("no_rope_layer_interval", 4))
    most = [kind == SLIDING for kind in _all_but(step, config)]
    positions = [bool(rotates) for rotates in config.get("no_rope_layers", most)]
    window = config.get("sliding_window")
    window = window if config.get("use_sliding_window") else None
    return config.decoder(
        kinds=config.kinds([SLIDING if window and not turned else FULL for turned in positions]),
        window=window,
        positions=positions,
        theta=2_000_000.0,
        tied=True,
        biases=frozenset(config.biased("attention_bias", QKVO) | config.biased("mlp_bias", MLP)),
    )


_AFTER = Norms("", "post_attention_layernorm", "", "post_feedforward_layernorm")


def _olmo2(config: ConfigReader) -> DecoderConfig:
    return config.decoder(
        norms=_AFTER,
        query_key_norm="whole",
        biases=frozenset(config.biased("attention_bias", QKVO)),
    )


def _olmo3(config: ConfigReader) -> DecoderConfig:
    config.config = _scaled_where_full(config.config)
    return config.decoder(
        kinds=config.kinds(_all_but(4, config)),
        window=config.get("sliding_window", 4096),
        norms=_AFTER,
        query_key_norm="whole",
        biases=frozenset(config.biased("attention_bias", QKVO)),
    )


def _scaled_where_full(config: Config, local: float | None = None) -> dict[str, Any]:
    """An older config.json's ``rope_scaling`` for the layers of full attention alone; the others
    get the base `local`, where given."""
    if config.get("rope_parameters"):
        return dict(config)
    sliding = {"rope_type": "default"} | ({"rope_theta": local} if local else {})
    full = {"rope_type": "default"} | dict(config.get("rope_scaling") or {})
    return dict(config) | {"rope_parameters": {FULL: full, SLIDING: sliding}}


def _exaone4(config: ConfigReader) -> DecoderConfig:
    """Layers of full attention have no RoPE where others have a window."""
    window, every = config.get("sliding_window", 4096), config.get("sliding_window_pattern", 4)
    kinds = config.kinds(_all_but(int(every), config) if window else _alike(config, None))
    return config.decoder(
        kinds=kinds,
        window=window,
        positions=[kind == SLIDING or window is None for kind in kinds],
        norms=_AFTER,
        query_key_norm="head",
    )


def _glm(config: ConfigReader) -> DecoderConfig:
    return _any_glm(config, Norms())


def _glm4(config: ConfigReader) -> DecoderConfig:
    return _any_glm(config, Norms(
        "input_layernorm", "post_self_attn_layernorm",
        "post_attention_layernorm", "post_mlp_layernorm",
    ))  # fmt: skip


def _any_glm(config: ConfigReader, norms: Norms) -> DecoderConfig:
    return config.decoder(
        partial=True,
        rotated=0.5,
        head_size=128,
        norms=norms,
        interleaved=True,
        fused=frozenset({"gate_up_proj"}),
        biases=frozenset(config.biased("attention_bias", QKV, default=True)),
    )


def _seed_oss(config: ConfigReader) -> DecoderConfig:
    biases = config.biased("attention_bias", QKV, default=True)
    biases |= config.biased("attention_out_bias", ("o_proj",)) | config.biased("mlp_bias", MLP)
    return config.decoder(head_size=128, biases=frozenset(biases))


def _gemma3(config: ConfigReader) -> DecoderConfig:
    """The text model; its norms' weights are stored minus one."""
    activation = config.get("hidden_activation", "gelu_pytorch_tanh")
    if activation != "gelu_pytorch_tanh":
        raise LoadError(f"hidden_activation = {activation!r:.60} is not supported")
    config.used.add("hidden_act")  # a remnant; transformers reads the other entry
    local = float(config.get("rope_local_base_freq", 10000.0))
    config.config = _scaled_where_full(config.config, local)
    return config.decoder(
        kinds=config.kinds(_all_but(int(config.get("sliding_window_pattern", 6)), config)),
        window=config.get("sliding_window", 4096),
        theta=1_000_000.0,
        head_size=256,
        tied=True,
        norms=Norms(
            "input_layernorm", "post_attention_layernorm",
            "pre_feedforward_layernorm", "post_feedforward_layernorm",
        ),
        norm_offset=1.0,
        query_key_norm="head",
        biases=frozenset(config.biased("attention_bias", QKVO)),
        activation="gelu_tanh",
        embedding_multiplier=float(config.config["hidden_size"]) ** 0.5,
        attention_scale=float(config.get("query_pre_attn_scalar", 256)) ** -0.5,
    )  # fmt: skip


_READERS: Mapping[str, Callable[[ConfigReader], DecoderConfig]] = {
    "llama": _llama,
    "mistral": _mistral,
    "ministral": _ministral,
    "ministral3": _ministral3,
    "qwen2": _qwen2,
    "qwen3": _qwen3,
    "phi3": _phi3,
    "granite": _granite,
    "smollm3": _smollm3,
    "olmo2": _olmo2,
    "olmo3": _olmo3,
    "exaone4": _exaone4,
    "glm": _glm,
    "glm4": _glm4,
    "seed_oss": _seed_oss,
    "gemma3_text": _gemma3,
}
_WITH_IMAGES: Mapping[str, Config] = {
    "gemma3": {
        "model_type": "gemma3_text",
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 131_072,
    },
    "mistral3": {"model_type": "mistral", "rms_norm_eps": 1e-6},
}
"""The models for images and text whose text part is converted, and the defaults of that part: its
``text_config`` may name only what differs from them."""

MODEL_TYPES = (*_READERS, *_WITH_IMAGES)
"""The ``model_type`` of each architecture that can be converted. This module imports neither numpy
nor OpenVINO."""
