"""How many context windows are given memory, and what a GGUF file says about its model."""

from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.llamacpp.binary import ServerDevice
from bot.worker.backends.llamacpp.device import Target
from bot.worker.backends.llamacpp.gguf_header import GgufHeader, read_header
from bot.worker.backends.llamacpp.sizing import choose_sizes, padded
from bot.worker.protocol import DoesNotFit, LoadError, LoadOptions
from tests.fake_llama import write_header

MB = 10**6
CPU = Target(None)
ARC = Target(ServerDevice("Vulkan0", "Intel(R) Arc(TM) A380 Graphics", 6000 * MB, 6000 * MB))
SHARED = Target(ServerDevice("Vulkan0", "Intel(R) UHD Graphics", 64000 * MB, 64000 * MB))
OPTIONS = LoadOptions("llamacpp", context=4094, max_parallel=8)
# 500 MB of KV cache for a window of 4096 tokens, and 4 GB of weights
MODEL = GgufHeader("llama", "Q4_K_M", 8192, 32, 61036, 4000 * MB)


@pytest.mark.parametrize(
    ("target", "free_main", "slots"),
    [
        (CPU, 16000 * MB, 8),
        (CPU, 6000 * MB, 3),
        (CPU, None, 8),
        (ARC, 1000 * MB, 3),
        (SHARED, 6000 * MB, 3),
    ],
)
def test_as_many_windows_as_fit_beside_the_weights(
    target: Target, free_main: int | None, slots: int
) -> None:
    assert choose_sizes(MODEL, target, OPTIONS, free_main).slots == slots


def test_a_model_too_large_for_the_card_is_shared_with_main_memory() -> None:
    large = GgufHeader("llama", "Q4_K_M", 8192, 32, 61036, 8000 * MB)
    assert choose_sizes(large, ARC, OPTIONS, 8000 * MB).slots == 1
    with pytest.raises(DoesNotFit, match=r"context = 4094 needs 0.6: choose a smaller context"):
        choose_sizes(large, ARC, OPTIONS, 1000 * MB)


@pytest.mark.parametrize("target", [CPU, SHARED])
def test_a_window_that_does_not_fit_is_refused_with_the_numbers(target: Target) -> None:
    with pytest.raises(DoesNotFit, match="leaves 0.1 GB free on"):
        choose_sizes(MODEL, target, OPTIONS, 4100 * MB)


def test_a_slot_has_room_for_the_whole_window() -> None:
    assert [padded(n) for n in (254, 255, 4094, 4096)] == [256, 512, 4096, 4352]


def test_the_prompt_cache_takes_a_tenth_of_the_free_memory() -> None:
    assert choose_sizes(MODEL, CPU, OPTIONS, 16000 * MB).prompt_cache == 1600 * MB
    assert choose_sizes(MODEL, CPU, OPTIONS, None).prompt_cache == 0


# ---------------------------------------------------------------- the header


def test_a_header_tells_what_loading_needs(tmp_path: Path) -> None:
    file = Path(write_header(tmp_path / "m.gguf"))
    header = read_header(file)
    assert (header.architecture, header.file_type) == ("llama", "Q4_K_M")
    assert (header.context, header.layers) == (8192, 4)
    assert header.cache_elements == 4 * 2 * (8 + 8)  # layers, heads, key and value of a head
    assert header.file_bytes == file.stat().st_size


def test_heads_that_differ_between_layers_are_added_up(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "attention.head_count_kv": [2, 0, 0, 4],
        "attention.key_length": 16,
    }
    header = read_header(Path(write_header(tmp_path / "m.gguf", **values)))
    assert header.cache_elements == 6 * (16 + 8)


def test_a_split_model_is_as_large_as_all_its_files(tmp_path: Path) -> None:
    first = Path(write_header(tmp_path / "m-00001-of-00002.gguf"))
    (tmp_path / "m-00002-of-00002.gguf").write_bytes(b"x" * 1000)
    (tmp_path / "other-00002-of-00002.gguf").write_bytes(b"x" * 5000)
    assert read_header(first).file_bytes == first.stat().st_size + 1000


@pytest.mark.parametrize("wrong", ["abc", float("inf"), float("nan"), (1 << 32) - 1])
def test_what_is_no_number_of_anything_counts_as_not_said(tmp_path: Path, wrong: Any) -> None:
    names = ("context_length", "block_count", "embedding_length", "attention.head_count_kv")
    header = read_header(Path(write_header(tmp_path / "m.gguf", **dict.fromkeys(names, wrong))))
    assert (header.context, header.layers, header.cache_elements) == (0, 0, 0)


@pytest.mark.parametrize("kept", [0, 3, 10, 30, 100])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, kept: int) -> None:
    file = Path(write_header(tmp_path / "m.gguf"))
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(LoadError, match="is no complete GGUF file"):
        read_header(file)


def test_a_file_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"PK\x03\x04" + b"\xff" * 4000)
    with pytest.raises(LoadError, match="is no complete GGUF file"):
        read_header(tmp_path / "m.gguf")
    with pytest.raises(LoadError, match="cannot be read: No such file"):
        read_header(tmp_path / "missing.gguf")
