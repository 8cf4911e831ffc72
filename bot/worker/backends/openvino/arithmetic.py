"""The number formats in which OpenVINO computes on a CPU."""

from collections.abc import Collection

from bot.worker.processor import processor_features

EXACT = {"INFERENCE_PRECISION_HINT": "f32", "KV_CACHE_PRECISION": "f32"}
"""Properties for weights in fp16 and fp32: the answers equal those of other backends."""


def quantized(features: "Collection[str] | None" = None) -> "dict[str, str]":
    """Properties for weights of 4 and 8 bits: OpenVINO's own defaults, on a CPU bfloat16 where it
    has instructions for it and a KV cache of 8 bits, but no bfloat16 where the processor has AMX:
    several answers at once were written half as fast with it as with 32 bits, where OpenVINO
    multiplies integers (docs/benchmarks.md, "Processors with AMX"). `features`: those of the
    processor, by default of this one."""
    known = processor_features() if features is None else features
    return {"INFERENCE_PRECISION_HINT": "f32"} if "amx_bf16" in (known or ()) else {}


def on_cpu(*, exact: bool, known_quantized: bool) -> "dict[str, str]":
    """The properties on a CPU: `exact` for weights in fp16 and fp32, `known_quantized` for those
    that are known to have 4 or 8 bits. With others, such as bf16, a CPU does what OpenVINO does by
    itself: it computes in bfloat16 where it has instructions for it, and keeps 8 bits in the KV
    cache."""
    if exact:
        return dict(EXACT)
    return quantized() if known_quantized else {}
