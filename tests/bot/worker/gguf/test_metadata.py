"""What metadata say of a model is read whatever they hold; a wrong value counts as not said."""

from typing import Any

import pytest

from bot.worker.gguf.metadata import Metadata

LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "general.file_type": 15,
    "llama.context_length": 8192,
    "llama.block_count": 4,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 2,
}


def metadata(**of_model: Any) -> Metadata:
    return Metadata({**LLAMA, **{f"llama.{key}": value for key, value in of_model.items()}})


def test_the_dimensions_are_those_of_its_architecture() -> None:
    found = metadata()
    assert (found.architecture, found.file_type) == ("llama", "Q4_K_M")
    assert (found.context, found.layers, found.width) == (8192, 4, 64)
    assert found.cache_values == 4 * 2 * (8 + 8)  # layers, heads, key and value of a head


def test_of_a_hybrid_only_the_layers_with_attention_have_a_cache() -> None:
    assert metadata(full_attention_interval=2).cache_values == 2 * 2 * (8 + 8)
    assert metadata(**{"attention.head_count_kv": [2, 0, 0, 4]}).cache_values == 6 * (8 + 8)
    assert metadata(**{"attention.shared_kv_layers": 3}).cache_values == 1 * 2 * (8 + 8)
    assert metadata(full_attention_interval=2).most_cache_values == 4 * 2 * (8 + 8)


def test_a_file_type_that_the_converter_guessed_has_the_same_name() -> None:
    assert Metadata({"general.file_type": 1024 + 7}).file_type == "Q8_0"
    assert Metadata({"general.file_type": 999}).file_type == ""


@pytest.mark.parametrize("wrong", ["abc", -1, 1 << 31, float("inf"), float("nan"), [b"a"], []])
def test_what_is_no_number_of_anything_counts_as_not_said(wrong: Any) -> None:
    keys = ("context_length", "block_count", "embedding_length", "attention.head_count_kv")
    found = metadata(**dict.fromkeys(keys, wrong))
    assert (found.context, found.layers, found.width, found.cache_values) == (0, 0, 0, 0)
    assert found.most_cache_values == 0


def test_a_file_without_metadata_says_nothing() -> None:
    found = Metadata({})
    assert (found.architecture, found.file_type, found.cache_values) == ("", "", 0)
