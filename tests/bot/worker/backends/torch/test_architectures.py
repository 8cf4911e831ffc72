"""The torch backend runs each kind of layer as transformers' own ``generate`` does: windows beside
full attention, capped scores, attention sinks, mixtures of experts, scaled positions.

The prompts are longer than every window, and than the context from which LongRoPE counts.
"""

from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.torch import backend as backend_module
from bot.worker.backends.torch.backend import TorchBackend
from bot.worker.backends.torch.graphs import repeat
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request, silent
from tests.random_models import PROMPT, SHAPE, TOKENS, generated, write_random_model
from tests.tiny_model import write_tiny_model

WINDOW = 64
ALTERNATING = ["sliding_attention", "full_attention"] * 2
GEMMA = {"head_dim": 32, "sliding_window": WINDOW, "query_pre_attn_scalar": 24}
EXPERTS = {"num_experts_per_tok": 2}
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.0 + 0.1 * n for n in range(8)],
    "long_factor": [2.0 + n for n in range(8)],
}

MODELS: dict[str, dict[str, Any]] = {
    "mistral": {"sliding_window": WINDOW},
    "qwen2": {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2},
    "gemma2": GEMMA | {"attn_logit_softcapping": 5.0, "final_logit_softcapping": 10.0},
    "gemma3_text": GEMMA | {"layer_types": ALTERNATING},
    "gpt_oss": {"head_dim": 32, "sliding_window": WINDOW, "num_local_experts": 4} | EXPERTS,
    "mixtral": {"num_local_experts": 4} | EXPERTS,
    "qwen3_moe": {"head_dim": 32, "num_experts": 4, "moe_intermediate_size": 32} | EXPERTS,
    "cohere2": {"sliding_window": WINDOW, "layer_types": ALTERNATING},
    "gemma4_text": {
        "head_dim": 32,
        "global_head_dim": 64,
        "sliding_window": WINDOW,
        "layer_types": ALTERNATING,
        "hidden_size_per_layer_input": 16,
        "vocab_size_per_layer_input": 512,
        "num_kv_shared_layers": 2,
    },
    "phi3": {"rope_parameters": LONGROPE, "original_max_position_embeddings": 256},
}


def load(folder: Path, backend: TorchBackend | None = None, **fields: Any) -> Bench:
    options: dict[str, Any] = {"device": "cpu", "low_bit": "fp32", "context": 512}
    options |= {"max_parallel": 2} | fields
    return Bench(backend or TorchBackend(), LoadOptions("torch", str(folder), **options))


@pytest.mark.parametrize("model_type", MODELS)
def test_answers_in_steps_of_fixed_shapes_are_those_of_generate(
    tmp_path: Path, model_type: str
) -> None:
    """As on a GPU, where steps are captured."""
    model = write_random_model(tmp_path, model_type, **MODELS[model_type])
    backend = TorchBackend(repeat)
    bench = load(tmp_path, backend)
    prompts = [PROMPT, PROMPT[:120]]
    for number, prompt in enumerate(prompts):
        bench.add(request(number, prompt, max_new_tokens=TOKENS, stop=[]))
    bench.finish(0, 1)
    assert bench.tokens[0] == generated(model, PROMPT)
    if model_type != "phi3":  # with the frequencies for long texts, and generate takes the others
        assert bench.tokens[1] == generated(model, PROMPT[:120])
    assert backend._fixed is not None
    assert backend._reads is not None


@pytest.mark.parametrize("model_type", MODELS)
def test_answers_are_those_of_generate(
    tmp_path: Path, model_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = write_random_model(tmp_path, model_type, **MODELS[model_type])
    expected = generated(model, PROMPT)
    assert len(set(expected)) > TOKENS // 8  # not one token over and over
    monkeypatch.setitem(backend_module.PREFILL_CHUNK, "cpu", 128)
    bench = load(tmp_path)
    assert bench.answer(request(1, PROMPT, max_new_tokens=TOKENS, stop=[])) == expected
    # Two at once, of different lengths, of which the cache holds the first one's prompt.
    short = PROMPT[:150]
    bench.add(
        request(2, PROMPT, max_new_tokens=TOKENS, stop=[]),
        request(3, short, max_new_tokens=TOKENS, stop=[]),
    )
    bench.finish(2, 3)
    assert bench.tokens[2] == expected
    if model_type != "phi3":  # with the frequencies for long texts, and generate takes the others
        assert bench.tokens[3] == generated(model, short)


def test_the_text_of_a_model_for_images_that_is_no_causal_model_is_that_of_generate(
    tmp_path: Path,
) -> None:
    images = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "patch_size": 16}
    parts = {
        "text_config": SHAPE | {"model_type": "mistral", "sliding_window": WINDOW},
        "vision_config": images | {"model_type": "pixtral", "num_attention_heads": 2},
    }
    model = write_random_model(tmp_path, "mistral3", **parts)
    given = request(1, PROMPT, max_new_tokens=TOKENS, stop=[])
    assert load(tmp_path).answer(given) == generated(model, PROMPT)


def test_longrope_has_its_short_frequencies_within_the_original_context(tmp_path: Path) -> None:
    model = write_random_model(tmp_path, "phi3", **MODELS["phi3"])
    short = PROMPT[:200]
    given = request(1, short, max_new_tokens=TOKENS, stop=[])
    within, beyond = load(tmp_path, context=256), load(tmp_path, context=257)
    assert within.answer(given) == generated(model, short)
    assert beyond.answer(given) != generated(model, short)
    assert within.facts.note == ""
    assert beyond.facts.note.startswith("the context of 257 tokens is beyond 256")


def refusal(folder: Path, **fields: Any) -> str:
    with pytest.raises(LoadError) as caught:
        load(folder, **fields)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_dynamic_scaling_is_refused_beyond_the_trained_context(tmp_path: Path) -> None:
    scaling = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    write_random_model(tmp_path, "llama", rope_parameters=scaling, max_position_embeddings=512)
    assert "set [model] context = 512 or less" in refusal(tmp_path, context=1024)


def test_a_recurrent_state_is_refused_before_the_weights_are_read(tmp_path: Path) -> None:
    write_random_model(tmp_path, "mamba", state_size=8, head_dim=16)
    (tmp_path / "model.safetensors").unlink()
    said = refusal(tmp_path)
    assert "has a recurrent state (linear attention or Mamba)" in said
    assert "use the same model as a GGUF file" in said


@pytest.mark.parametrize(("model_type", "options"), [("bloom", {}), ("falcon", {"alibi": True})])
def test_a_model_that_computes_something_else_with_the_cache_is_refused(
    tmp_path: Path, model_type: str, options: dict[str, Any]
) -> None:
    write_random_model(tmp_path, model_type, **options)
    assert f"has the type {model_type} with a cache of its own kind" in refusal(tmp_path)


def test_local_attention_is_refused(tmp_path: Path) -> None:
    kinds = [[["global", "local"], 2]]
    write_random_model(tmp_path, "gpt_neo", attention_types=kinds, window_size=WINDOW)
    assert "has local attention" in refusal(tmp_path)


def test_weights_that_are_quantized_in_an_unknown_way_are_refused(tmp_path: Path) -> None:
    given = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
    write_tiny_model(tmp_path, config=given)
    said = refusal(tmp_path)
    assert "transformers cannot load weights that are quantized with GPTQ here (" in said
    assert said.endswith("or the same model as a GGUF file")


def test_an_adapter_without_its_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "x/y"}')
    with pytest.raises(LoadError, match="is a LoRA adapter for x/y"):
        TorchBackend().load(LoadOptions("torch", str(tmp_path), "cpu"), silent)
