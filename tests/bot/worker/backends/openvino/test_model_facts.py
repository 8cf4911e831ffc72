"""What a model in OpenVINO's format says of its weights and caches."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bot.worker.backends.openvino.backend import scheduler_config
from bot.worker.backends.openvino.device import Device
from bot.worker.backends.openvino.library import MODEL_FILE, import_genai, import_openvino
from bot.worker.backends.openvino.memory import CacheSize, cache_size
from bot.worker.backends.openvino.model_facts import CacheShape, read_facts
from bot.worker.backends.openvino.source import Source
from bot.worker.conversion.convert import convert
from bot.worker.protocol import DoesNotFit, LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import silent
from tests.tiny_model import write_tiny_model

CPU, GPU = Device("CPU", "the CPU"), Device("GPU", "a GPU", 1 << 30)


@pytest.mark.parametrize(
    ("low_bit", "weights"),
    [("fp32", "fp32"), ("fp16", "fp16"), ("bf16", "bf16"), ("sym_int8", "int8"),
     ("sym_int4", "int4"), ("asym_int4", "int4")],
)  # fmt: skip
def test_the_type_of_most_weights_is_read_from_the_graph(
    tmp_path: Path, low_bit: str, weights: str
) -> None:
    (target := tmp_path / "converted").mkdir()
    convert(write_tiny_model(tmp_path), target, low_bit, silent)
    facts = read_facts(target / MODEL_FILE)
    assert facts.weights == weights
    assert facts.cache == CacheShape(((2, 16),) * 4)


def hybrid(folder: Path) -> Path:
    """A graph with one layer that has a KV cache, and one with two states of fixed size."""
    ov = import_openvino()
    op = ov.opset13
    ids = op.parameter([-1, -1], np.int64)
    ids.output(0).set_names({"input_ids"})
    shapes = {"key": [-1, 2, -1, 16], "conv": [-1, 128, 4], "ssm": [-1, 4, 16, 16]}
    sinks: list[Any] = []
    for name, shape in shapes.items():
        first = op.constant(np.zeros([max(size, 1) for size in shape], np.float32))
        value = op.read_value(first, name, ov.Type.f32, shape)
        sinks.append(op.assign(value, name))
    model = ov.Model([op.result(ids)], sinks, [ids], "hybrid")
    ov.save_model(model, folder / MODEL_FILE)
    return folder / MODEL_FILE


def test_a_state_of_fixed_size_is_no_kv_cache(tmp_path: Path) -> None:
    cache = read_facts(hybrid(tmp_path)).cache
    assert cache == CacheShape(((2, 16),), state_bytes=4 * (128 * 4 + 4 * 16 * 16))
    assert cache.hybrid
    assert not CacheShape(((2, 16),)).hybrid


def test_a_damaged_graph_is_one_line(tmp_path: Path) -> None:
    (tmp_path / MODEL_FILE).write_text("<net>")
    with pytest.raises(LoadError, match=r"openvino_model\.xml or its \.bin file is damaged"):
        read_facts(tmp_path / MODEL_FILE)


# ---------------------------------------------------------------- the sizes of the caches


def source(cache: CacheShape | None, *, exact: bool = False, weights: int = 0) -> Source:
    return Source(Path("m"), "m", "int4 (as exported)", exact, cache, weights)


def options(context: int = 512, max_parallel: int = 4) -> LoadOptions:
    return LoadOptions("openvino", context=context, max_parallel=max_parallel)


def test_a_hybrid_gets_a_state_for_each_answer_and_no_prefix_cache() -> None:
    cache = CacheShape(((2, 16),), state_bytes=1000)
    size = cache_size(source(cache), GPU, options())
    assert (size.states, size.blocks) == (4, 4 * 33)
    made = scheduler_config(import_genai(), GPU, size, 4)
    assert (made.num_linear_attention_blocks, made.enable_prefix_caching) == (4, False)


def test_other_models_have_a_prefix_cache_and_no_states() -> None:
    size = cache_size(source(CacheShape(((2, 16),))), GPU, options())
    made = scheduler_config(import_genai(), GPU, size, 4)
    assert (made.num_linear_attention_blocks, made.enable_prefix_caching) == (0, True)
    assert made.num_kv_blocks == 4 * 33


def test_states_count_as_memory() -> None:
    plain = CacheShape(((8, 128),) * 64)
    state = CacheShape(plain.heads, state_bytes=100 << 20)
    roomy = Device("GPU", "a GPU", 2 << 30)
    assert cache_size(source(state), roomy, options(4096)).blocks < (
        cache_size(source(plain), roomy, options(4096)).blocks
    )
    with pytest.raises(DoesNotFit):
        cache_size(source(state), Device("GPU", "a GPU", 500 << 20), options(256))


def test_heads_of_several_sizes_are_added_up() -> None:
    shape = CacheShape(((2, 16), (2, 16), (1, 32), (1, 32)))
    assert shape.token_bytes(2.0) == 2 * 2 * (2 * 16 + 1 * 32)
    assert shape.token_bytes(1.0, 8.0) == 2 * (2 * 24 + 1 * 40)


def test_weights_leave_less_room() -> None:
    cache = CacheShape(((8, 128),) * 64)
    empty, full = (
        cache_size(source(cache, weights=size), GPU, options(1024)) for size in (0, 600 << 20)
    )
    assert full.blocks < empty.blocks


def test_a_kv_cache_of_8_bits_holds_nearly_twice_as_many_tokens_on_a_gpu() -> None:
    cache, narrow = CacheShape(((8, 128),) * 64), Device("GPU", "a GPU", 1 << 30)
    usual = cache_size(source(cache), narrow, options(1024, 64)).blocks
    small = cache_size(source(cache), narrow, replace(options(1024, 64), kv_cache="int8")).blocks
    assert 1.8 * usual < small < 2 * usual


def test_a_model_of_unknown_shape_gets_what_the_settings_want() -> None:
    assert cache_size(source(None), CPU, options()) == CacheSize(4 * 17, 32)
