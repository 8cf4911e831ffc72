"""Reads the entries of a config.json into `DecoderConfig`, and refuses those that are not known."""

import json
from collections.abc import Mapping
from typing import Any

from bot.worker.conversion.decoder_config import DecoderConfig, Layer, dimension
from bot.worker.conversion.rope import Rope, rope, rope_parameters
from bot.worker.protocol import LoadError

Config = Mapping[str, Any]
"""The entries of a config.json."""

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
    "lm_head_bias": (False,),
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


class ConfigReader:
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

    def check_rest(self) -> None:
        """Raises LoadError for an entry that was not read and changes what the model computes."""
        for name, neutral in _NEUTRAL.items():
            value = self.config.get(name)
            if name not in self.used and value is not None and value not in neutral:
                raise LoadError(f"{name} = {value!r:.60} is not supported")

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
