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

from bot.worker.conversion.decoder_config import (
    DecoderConfig,
    Layer,
    Norms,
    dimension,
    read_json,
)
from bot.worker.conversion.rope import Rope, rope, rope_parameters
from bot.worker.conversion.unsupported import refuse_unsupported
from bot.worker.protocol import LoadError

Config = Mapping[str, Any]

FULL, SLIDING = "full_attention", "sliding_attention"

QKV, QKVO = ("q_proj", "k_proj", "v_proj"), ("q_proj", "k_proj", "v_proj", "o_proj")
MLP = ("gate_proj", "up_proj", "down_proj")

_MOST_LAYERS = 1000
"""Several times the deepest models in use."""

_NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "hidden_act": ("silu", "swish"),
    "hidden_activation": ("silu", "swish"),
    "is_decoder": (True, False),
    "is_encoder_decoder": (False,),
    "clip_qkv": (),
    "attn_logit_softcapping": (),
    "final_logit_softcapping": (),
    "query_pre_attn_scalar": (),
    "use_bidirectional_attention": (False,),
    "embedding_multiplier": (1,),
    "residual_multiplier": (1,),
    "attention_multiplier": (),
    "logits_scaling": (1,),
    "scale_emb": (1,),
    "use_qk_norm": (False,),
    "qk_layernorm": (False,),
    "no_rope_layers": (),
    "num_experts": (0, 1),
    "n_routed_experts": (0,),
    "num_local_experts": (0, 1),
    "attention_bias": (False,),
    "attention_out_bias": (False,),
    "mlp_bias": (False,),
    "sliding_window": (0,),
    "layer_types": (),
}
"""Entries that change what a model computes, and the values besides null with which they do not.
An entry that an architecture reads is not compared with these."""


def read_config(folder: Path) -> DecoderConfig:
    """The configuration in a model's folder. Raises LoadError where config.json is missing,
    damaged, or of a model that cannot be converted."""
    refuse_unsupported(folder, MODEL_TYPES)
    path, config = folder / "config.json", _text_part(read_json(folder))
    kind, reader = str(config.get("model_type")), _Reader(config)
    if kind not in _READERS:
        raise _not_supported(path, f"a text model of type {json.dumps(kind)[:60]} is not supported")
    try:
        found = _READERS[kind](reader)
    except LoadError as exc:
        raise _not_supported(path, str(exc)) from exc
    except (KeyError, TypeError, ValueError, ArithmeticError, AttributeError) as exc:
        raise LoadError(f"{path} has a missing or invalid number: {_line(exc)}") from exc
    for name, neutral in _NEUTRAL.items():
        value = config.get(name)
        if name not in reader.used and value is not None and value not in neutral:
            raise _not_supported(path, f"{name} = {value!r:.60} is not supported")
    return found


def _text_part(config: Config) -> Config:
    """The configuration of the text model in one for images and text."""
    text = config.get("text_config")
    if config["model_type"] not in _WITH_IMAGES or not isinstance(text, dict):
        return config
    tied = config.get("tie_word_embeddings")
    given = text if tied is None else {**text, "tie_word_embeddings": tied}
    return {**_WITH_IMAGES[config["model_type"]], **given}


def _not_supported(path: Path, what: str) -> LoadError:
    return LoadError(f'{path}: {what}: use [model] backend = "torch"')


def _line(error: Exception) -> str:
    text = str(error)[:200]
    return text if text.isprintable() else repr(text)


class _Reader:
    """Reads the entries of a config.json, and keeps account of those that were read."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.used: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        """An entry; `default` where it is missing or null."""
        self.used.add(name)
        value = self.config.get(name)
        return default if value is None else value

    def decoder(
        self,
        *,
        kinds: list[str] | None = None,
        window: int | None = None,
        positions: list[bool] | None = None,
        theta: float = 10000.0,
        partial: bool = False,
        rotated: float = 1.0,
        head_size: int | None = None,
        tied: bool = False,
        **options: Any,
    ) -> DecoderConfig:
        """The description with what every architecture has, and `options`, which are fields of
        `DecoderConfig`. By layer: `kinds` (`FULL` or `SLIDING`; None is full for all), with this
        `window` where sliding, and whether `positions` are encoded. `partial`: RoPE may rotate a
        part of each head. The other arguments are the architecture's defaults."""
        count = len(self.numbers)
        heads = dimension("num_attention_heads", self.config["num_attention_heads"])
        hidden = dimension("hidden_size", self.config["hidden_size"])
        size = dimension("head_dim", self.get("head_dim") or head_size or hidden // heads)
        kinds = kinds or [FULL] * count
        given = rope_parameters(self.config, set(kinds), theta, rotated)
        if not partial and any(float(own["partial_rotary_factor"]) != 1 for own in given.values()):
            raise LoadError("partial_rotary_factor is not supported")
        ropes = {kind: rope(parameters, size) for kind, parameters in given.items()}
        layers = _layers(kinds, ropes, window, positions or [True] * count)
        if not len(kinds) == len(layers) == count:
            raise ValueError("layer_types or no_rope_layers does not fit num_hidden_layers")
        return DecoderConfig(
            model_type=self.config["model_type"],
            hidden=hidden,
            inner=dimension("intermediate_size", self.config["intermediate_size"]),
            heads=heads,
            key_heads=dimension("num_key_value_heads", self.get("num_key_value_heads", heads)),
            head_size=size,
            vocab=dimension("vocab_size", self.config["vocab_size"]),
            norm_epsilon=float(self.config["rms_norm_eps"]),
            tied=bool(self.get("tie_word_embeddings", tied)),
            layers=layers,
            **options,
        )

    def biased(self, flag: str, projections: tuple[str, ...], *, default: bool = False) -> set[str]:
        """These projections, where the entry `flag` says that they have a bias."""
        return set(projections) if self.get(flag, default) else set()

    @property
    def numbers(self) -> range:
        """The number of each layer."""
        count = dimension("num_hidden_layers", self.get("num_hidden_layers", 0))
        if count > _MOST_LAYERS:
            raise ValueError(f"num_hidden_layers is above {_MOST_LAYERS}")
        return range(count)

    def kinds(self, default: list[str]) -> list[str]:
        """The kind of each layer: ``layer_types``, else `default`."""
        return list(self.get("layer_types") or default)


def _layers(
    kinds: list[str], ropes: Mapping[str, Rope], window: int | None, positions: list[bool]
) -> tuple[Layer, ...]:
    if other := set(kinds) - {FULL, SLIDING}:
        raise LoadError(f"layers of type {json.dumps(min(other))[:60]} are not supported")
    reach = {FULL: 0, SLIDING: dimension("sliding_window", window) if SLIDING in kinds else 0}
    return tuple(
        Layer(ropes[kind] if rotates else None, reach[kind])
        for kind, rotates in zip(kinds, positions, strict=False)
    )


# ---------------------------------------------------------------- the architectures


def _llama(config: _Reader) -> DecoderConfig:
    return config.decoder(
        biases=frozenset(config.biased("attention_bias", QKVO) | config.biased("mlp_bias", MLP))
    )


def _alike(config: _Reader, window: int | None) -> list[str]:
    """All layers with the window, where there is one."""
    return [SLIDING if window else FULL] * len(config.numbers)


def _mistral(config: _Reader) -> DecoderConfig:
    window = config.get("sliding_window")
    config.get("layer_types")  # transformers has none for this type
    return config.decoder(
        window=window,
        kinds=_alike(config, window),
    )


def _ministral(config: _Reader) -> DecoderConfig:
    window = config.get("sliding_window")
    return config.decoder(window=window, kinds=config.kinds(_alike(config, window)))


def _ministral3(config: _Reader) -> DecoderConfig:
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


def _qwen_kinds(config: _Reader) -> tuple[list[str], int | None]:
    """The kinds of layers, and the window, of Qwen 2 and 3."""
    window = config.get("sliding_window", 4096)
    window = window if config.get("use_sliding_window") else None
    first = int(config.get("max_window_layers", 28))
    far = [SLIDING if window and layer >= first else FULL for layer in config.numbers]
    return config.kinds(far), window


def _qwen2(config: _Reader) -> DecoderConfig:
    kinds, window = _qwen_kinds(config)
    return config.decoder(kinds=kinds, window=window, biases=frozenset(QKV))


def _qwen3(config: _Reader) -> DecoderConfig:
    kinds, window = _qwen_kinds(config)
    return config.decoder(
        kinds=kinds,
        window=window,
        head_size=128,
        query_key_norm="head",
        biases=frozenset(config.biased("attention_bias", QKVO)),
    )


def _phi3(config: _Reader) -> DecoderConfig:
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


def _granite(config: _Reader) -> DecoderConfig:
    return config.decoder(
        biases=frozenset(config.biased("attention_bias", QKVO) | config.biased("mlp_bias", MLP)),
        embedding_multiplier=float(config.get("embedding_multiplier", 1.0)),
        residual_multiplier=float(config.get("residual_multiplier", 1.0)),
        logits_multiplier=1 / float(config.get("logits_scaling", 1.0)),
        attention_scale=float(config.get("attention_multiplier", 1.0)),
    )


def _all_but(step: int, config: _Reader) -> list[str]:
    """`FULL` for each layer that is a multiple of `step`, counted from one; others `SLIDING`."""
    return [SLIDING if (layer + 1) % step else FULL for layer in config.numbers]


def _smollm3(config: _Reader) -> DecoderConfig:
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


def _olmo2(config: _Reader) -> DecoderConfig:
    return config.decoder(
        norms=_AFTER,
        query_key_norm="whole",
        biases=frozenset(config.biased("attention_bias", QKVO)),
    )


def _olmo3(config: _Reader) -> DecoderConfig:
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


def _exaone4(config: _Reader) -> DecoderConfig:
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


def _glm(config: _Reader) -> DecoderConfig:
    return _any_glm(config, Norms())


def _glm4(config: _Reader) -> DecoderConfig:
    return _any_glm(config, Norms(
        "input_layernorm", "post_self_attn_layernorm",
        "post_attention_layernorm", "post_mlp_layernorm",
    ))  # fmt: skip


def _any_glm(config: _Reader, norms: Norms) -> DecoderConfig:
    return config.decoder(
        partial=True,
        rotated=0.5,
        head_size=128,
        norms=norms,
        interleaved=True,
        fused=frozenset({"gate_up_proj"}),
        biases=frozenset(config.biased("attention_bias", QKV, default=True)),
    )


def _seed_oss(config: _Reader) -> DecoderConfig:
    biases = config.biased("attention_bias", QKV, default=True)
    biases |= config.biased("attention_out_bias", ("o_proj",)) | config.biased("mlp_bias", MLP)
    return config.decoder(head_size=128, biases=frozenset(biases))


def _gemma3(config: _Reader) -> DecoderConfig:
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


_READERS: Mapping[str, Callable[[_Reader], DecoderConfig]] = {
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
