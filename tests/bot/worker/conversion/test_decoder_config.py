"""config.json is read right, and what would change the function is refused."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.decoder_config import DecoderConfig
from bot.worker.protocol import LoadError
from tests.tiny_model import TinyLlama


def read(folder: Path, **changes: Any) -> DecoderConfig:
    config = TinyLlama().config() | changes
    config = {name: value for name, value in config.items() if value != "absent"}
    (folder / "config.json").write_text(json.dumps(config))
    return read_config(folder)


def frequencies(folder: Path, **changes: Any) -> tuple[float, ...]:
    rope = read(folder, **changes).layers[0].rope
    assert rope is not None
    return rope.frequencies


def test_the_shape_is_read(tmp_path: Path) -> None:
    config = read(tmp_path)
    assert (config.hidden, len(config.layers), config.heads, config.key_heads) == (64, 2, 4, 2)
    assert (config.head_size, config.vocab, config.tied) == (16, 512, False)


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    config = read(tmp_path, num_key_value_heads="absent", tie_word_embeddings="absent")
    assert (config.key_heads, config.tied) == (4, False)
    assert read(tmp_path, head_dim=32).head_size == 32


def test_llama_2_7b_has_its_number_of_weights(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        vocab_size=32000,
    )
    assert config.parameters == pytest.approx(6_738_415_616, rel=1e-3)
    assert config.cache_bytes(2) == 524_288  # half a megabyte a token in float16


def test_plain_frequencies_fall_from_one(tmp_path: Path) -> None:
    plain = frequencies(tmp_path, rope_theta=10000.0)
    assert plain[0] == 1.0
    assert plain[4] == pytest.approx(10000.0 ** -(8 / 16))


def test_both_spellings_of_theta_are_known(tmp_path: Path) -> None:
    new = {"rope_type": "default", "rope_theta": 500000.0}
    assert frequencies(tmp_path, rope_parameters=new, rope_theta="absent") == frequencies(
        tmp_path, rope_theta=500000.0
    )


def test_linear_scaling_divides(tmp_path: Path) -> None:
    plain = frequencies(tmp_path)
    scaled = frequencies(tmp_path, rope_scaling={"type": "linear", "factor": 4.0})
    assert scaled == pytest.approx([frequency / 4 for frequency in plain])


def test_llama_3_scales_low_frequencies_only(tmp_path: Path) -> None:
    scaling = {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    plain = frequencies(tmp_path)
    scaled = frequencies(tmp_path, rope_scaling=scaling)
    assert scaled[0] == plain[0]  # 6 positions a turn: a high frequency
    assert scaled[-1] == pytest.approx(plain[-1] / 8)
    assert all(p / 8 <= s <= p for p, s in zip(plain, scaled, strict=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "gpt2"}, 'a model of type "gpt2" cannot be converted'),
        ({"quantization_config": {"bits": 4}}, "quantized already"),
        ({"hidden_act": "gelu"}, "hidden_act = 'gelu' is not supported"),
        ({"rope_scaling": {"rope_type": "ntk", "factor": 4}}, 'RoPE scaling of type "ntk"'),
        (
            {"rope_scaling": {"rope_type": "linear", "factor": 4, "mrope_section": [1]}},
            'RoPE scaling with "mrope_section"',
        ),
        ({"partial_rotary_factor": 0.5}, "partial_rotary_factor is not supported"),
        ({"num_experts": 8}, "num_experts = 8 is not supported"),
        ({"layer_types": ["chunked_attention"] * 2}, "layer_types = ['chunked_attention'"),
        (
            {"model_type": "qwen3", "layer_types": ["linear_attention", "full_attention"]},
            'layers of type "linear_attention" are not supported',
        ),
        ({"hidden_size": "absent"}, "has a missing or invalid number: 'hidden_size'"),
        ({"num_attention_heads": 0}, "has a missing or invalid number"),
    ],
)
def test_what_cannot_be_converted_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(LoadError) as caught:
        read(tmp_path, **changes)
    assert said in str(caught.value)
    assert str(tmp_path / "config.json") in str(caught.value)


PHI_4_MINI = {
    "model_type": "phi3",
    "hidden_size": 3072,
    "intermediate_size": 8192,
    "num_hidden_layers": 32,
    "num_attention_heads": 24,
    "num_key_value_heads": 8,
    "vocab_size": 200064,
    "max_position_embeddings": 131072,
    "original_max_position_embeddings": 4096,
    "partial_rotary_factor": 0.75,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
}


@pytest.mark.parametrize("kind", ["longrope", "su", "yarn"])
def test_phi_4_minis_spelling_of_longrope_is_read(tmp_path: Path, kind: str) -> None:
    """That of transformers 4, and the names of early versions."""
    scaling = {"type": kind, "short_factor": [1.0] * 48, "long_factor": [2.0] * 48}
    config = read(tmp_path, **PHI_4_MINI, rope_scaling=scaling)
    assert config.parameters == pytest.approx(3_836_021_760, rel=1e-3)
    short, long = config.layers[0].rope, config.at(4097).layers[0].rope
    assert short is not None
    assert long is not None
    assert config.at(4096) == config
    assert long.frequencies == pytest.approx([frequency / 2 for frequency in short.frequencies])
    assert 2 * len(short.frequencies) == 96  # of 128: three quarters
    assert short.scale == long.scale == pytest.approx(1.1902380714)


def test_yarn_scales_the_attention_too(tmp_path: Path) -> None:
    scaling = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
    rope = read(tmp_path, rope_scaling=scaling).layers[0].rope
    assert rope is not None
    assert rope.scale == pytest.approx(0.1 * math.log(4) + 1)


def test_a_text_part_may_name_only_what_differs_from_the_defaults(tmp_path: Path) -> None:
    text = {
        "model_type": "gemma3_text",
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"},
        "sliding_window": 1024,
    }
    facts = {"model_type": "gemma3", "text_config": text, "vision_config": {}}
    (tmp_path / "config.json").write_text(json.dumps(facts))
    config = read_config(tmp_path)
    assert (config.heads, config.key_heads, config.head_size, config.tied) == (8, 4, 256, True)
    assert config.parameters == pytest.approx(3_880_099_328, rel=1e-3)
    near, far = config.layers[4], config.layers[5]
    assert (near.window, far.window) == (1024, 0)
    assert near.rope is not None
    assert far.rope is not None
    assert near.rope.frequencies[0] == 1.0
    assert far.rope.frequencies[0] == 1 / 8


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(LoadError, match="is damaged"):
        read_config(tmp_path)
