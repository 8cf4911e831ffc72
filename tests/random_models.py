"""Tiny models of any architecture with random weights, made by transformers' own classes, and what
transformers' own ``generate`` answers with them."""

import random
from pathlib import Path
from typing import Any

import pytest

torch: Any = pytest.importorskip("torch")
transformers: Any = pytest.importorskip("transformers", minversion="5")

SHAPE = {
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "tie_word_embeddings": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "pad_token_id": 0,
}
TOKENS = 24
PROMPT = [1, *random.Random(0).choices(range(3, 512), k=299)]
"""Longer than the windows, and than the original context windows, of all models in the tests."""


def write_random_model(folder: Path, model_type: str, **options: Any) -> Any:
    """Write a model of this type into `folder`, in float32, and return it. `options` are entries of
    its configuration, or the configurations of its parts."""
    shape = {"tie_word_embeddings": False} if "text_config" in options else SHAPE
    config = transformers.AutoConfig.for_model(model_type, **(shape | options))
    # Eager attention knows everything that a model may ask for.
    loader = transformers.AutoModelForCausalLM
    if type(config) not in loader._model_mapping:
        loader = transformers.AutoModelForImageTextToText
    model = loader.from_config(config, attn_implementation="eager")
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weights in model.named_parameters():
            values = torch.randn(weights.shape, generator=generator)
            if weights.ndim == 1:
                plain = "bias" in name or "sinks" in name or "gemma" in model_type
                weights.copy_(0.3 * values + (0.0 if plain else 1.0))
            else:
                weights.copy_(2.0 * values / weights.shape[-1] ** 0.5)
    model.float().eval().save_pretrained(folder)
    return model


def generated(model: Any, prompt: list[int], count: int = TOKENS) -> list[int]:
    """What transformers' ``generate`` answers greedily, however long."""
    ids = torch.tensor([prompt])
    how = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None}
    output = model.generate(ids, max_new_tokens=count, **how)
    tokens: list[int] = output[0, len(prompt) :].tolist()
    return tokens
