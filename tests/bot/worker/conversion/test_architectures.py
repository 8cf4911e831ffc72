"""Every architecture, converted, chooses the tokens that transformers chooses.

An answer that is equal as a whole has at each position the reference's choice after all that is
before it. Prompts are longer than any sliding window, and than the context from which a scaling of
positions counts.
"""

from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.openvino.backend import OpenVinoBackend
from bot.worker.conversion.architectures import MODEL_TYPES
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request, silent
from tests.random_models import PROMPT, SHAPE, TOKENS, generated, write_random_model

WINDOW = 64
"""Tokens, of the sliding windows."""
ALTERNATING = ["sliding_attention", "full_attention"] * 2
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "partial_rotary_factor": 0.75,
    "short_factor": [1.0 + 0.1 * n for n in range(12)],
    "long_factor": [2.0 + n for n in range(12)],
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 128,
}
UNEVEN_YARN = YARN | {"mscale": 0.7, "mscale_all_dim": 1.3, "beta_fast": 16, "truncate": False}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
MINISTRAL3 = YARN | {
    "type": "yarn",
    "max_position_embeddings": 2048,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "llama_4_scaling_beta": 0.3,
}

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {"attention_bias": True, "mlp_bias": True}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "llama, linear": (
        "llama",
        {"rope_parameters": {"rope_type": "linear", "factor": 4.0, "rope_theta": 10000.0}},
    ),
    "llama, llama3": ("llama", {"rope_parameters": LLAMA3}),
    "llama, yarn": ("llama", {"rope_parameters": YARN}),
    "llama, yarn with all its options": ("llama", {"rope_parameters": UNEVEN_YARN}),
    "mistral": ("mistral", {"sliding_window": None}),
    "mistral with a window": ("mistral", {"sliding_window": WINDOW}),
    "ministral": (
        "ministral",
        {"sliding_window": WINDOW, "layer_types": ALTERNATING, "head_dim": 16},
    ),
    "ministral3": ("ministral3", {"head_dim": 32, "rope_parameters": MINISTRAL3}),
    "qwen2": ("qwen2", {}),
    "qwen2 with windows": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2},
    ),
    "qwen3": ("qwen3", {"head_dim": 32}),
    "qwen3 with windows": (
        "qwen3",
        {"use_sliding_window": True, "sliding_window": WINDOW, "layer_types": ALTERNATING},
    ),
    "phi3 with a window": ("phi3", {"sliding_window": WINDOW}),
    "phi3, longrope": (
        "phi3",
        {
            "hidden_size": 128,
            "rope_parameters": LONGROPE,
            "original_max_position_embeddings": 256,
        },
    ),
    "granite": (
        "granite",
        {
            "embedding_multiplier": 3.0,
            "attention_multiplier": 0.1,
            "residual_multiplier": 0.5,
            "logits_scaling": 2.0,
        },
    ),
    "smollm3": ("smollm3", {}),
    "smollm3 with windows": ("smollm3", {"use_sliding_window": True, "sliding_window": WINDOW}),
    "olmo2": ("olmo2", {}),
    "olmo3": ("olmo3", {"sliding_window": WINDOW}),
    "exaone4": (
        "exaone4",
        {"sliding_window": WINDOW, "layer_types": ALTERNATING, "sliding_window_pattern": 2},
    ),
    "glm": ("glm", {"head_dim": 32}),
    "glm4": ("glm4", {"head_dim": 32}),
    "seed_oss": ("seed_oss", {"head_dim": 32}),
    "gemma3_text": (
        "gemma3_text",
        {
            "head_dim": 32,
            "sliding_window": WINDOW,
            "query_pre_attn_scalar": 24,
            "layer_types": ALTERNATING,
        },
    ),
}


def load(folder: Path, **fields: Any) -> Bench:
    options: dict[str, Any] = {"device": "cpu", "low_bit": "fp32", "context": 512}
    cache = folder.parent / "cache"
    options |= {"max_parallel": 2, "cache_dir": str(cache)} | fields
    given = LoadOptions("openvino", str(folder), **options)
    return Bench(OpenVinoBackend(), given)


def answer(bench: Bench, prompt: list[int], count: int) -> list[int]:
    return bench.answer(request(len(prompt), prompt, max_new_tokens=count, stop=[]))


def vision(model_type: str) -> dict[str, Any]:
    small = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1}
    shape = {"num_attention_heads": 2, "image_size": 32, "patch_size": 16}
    return {"model_type": model_type} | small | shape


WITH_IMAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gemma3": (
        MODELS["gemma3_text"][1] | {"model_type": "gemma3_text"},
        vision("siglip_vision_model"),
    ),
    "mistral3": (MODELS["ministral3"][1] | {"model_type": "ministral3"}, vision("pixtral")),
}
"""Models for images and text: the configurations of both parts."""


def test_every_architecture_has_a_test() -> None:
    tested = {model_type for model_type, _ in MODELS.values()} | set(WITH_IMAGES)
    assert tested == set(MODEL_TYPES)


@pytest.mark.parametrize("model_type", WITH_IMAGES)
def test_the_text_part_of_a_model_for_images_is_converted(tmp_path: Path, model_type: str) -> None:
    text, images = WITH_IMAGES[model_type]
    parts = {"text_config": SHAPE | text, "vision_config": images}
    model = write_random_model(tmp_path / "model", model_type, **parts)
    expected = generated(model, PROMPT)
    assert answer(load(tmp_path / "model"), PROMPT, TOKENS) == expected


@pytest.mark.parametrize("name", MODELS)
def test_every_token_is_the_choice_of_transformers(tmp_path: Path, name: str) -> None:
    model_type, options = MODELS[name]
    model = write_random_model(tmp_path / "model", model_type, **options)
    expected = generated(model, PROMPT)
    assert len(set(expected)) > TOKENS // 8  # not one token over and over
    bench = load(tmp_path / "model")
    assert answer(bench, PROMPT, TOKENS) == expected
    # Once more from the middle, with what is cached of the first answer.
    assert answer(bench, PROMPT + expected[:9], TOKENS - 9) == expected[9:]


def test_longrope_has_its_short_frequencies_within_the_original_context(tmp_path: Path) -> None:
    model_type, options = MODELS["phi3, longrope"]
    model = write_random_model(tmp_path / "model", model_type, **options)
    expected = generated(model, PROMPT[:200])
    short, long = load(tmp_path / "model", context=256), load(tmp_path / "model", context=257)
    assert answer(short, PROMPT[:200], TOKENS) == expected
    assert answer(long, PROMPT[:200], TOKENS) != expected
    assert short.facts.note == ""
    assert long.facts.note.startswith("the context of 257 tokens is beyond 256")


def test_dynamic_scaling_is_refused_beyond_the_trained_context(tmp_path: Path) -> None:
    scaling = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    options = {"rope_parameters": scaling, "max_position_embeddings": 512}
    model = write_random_model(tmp_path / "model", "llama", **options)
    expected = generated(model, PROMPT, 4)
    assert answer(load(tmp_path / "model"), PROMPT, 4) == expected
    given = LoadOptions("openvino", str(tmp_path / "model"), "cpu", context=1024, cache_dir="x")
    with pytest.raises(LoadError, match=r"set \[model\] context = 512 or less"):
        OpenVinoBackend().load(given, silent)
