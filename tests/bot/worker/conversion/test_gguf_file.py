"""The self-test's GGUF file holds the model as llama.cpp's own tools would write it."""

from pathlib import Path

import gguf
import numpy as np
import pytest

from bot import demo_model
from bot.worker.conversion.gguf_file import write_gguf
from tests.demo_gguf import write_demo_gguf
from tests.tiny_model import write_tiny_model


def test_weights_and_shape_are_those_of_the_gguf_package(tmp_path: Path) -> None:
    write_gguf(demo_model.directory(), tmp_path / "ours.gguf", 1024)
    theirs = gguf.GGUFReader(write_demo_gguf(tmp_path / "theirs.gguf"))
    ours = gguf.GGUFReader(tmp_path / "ours.gguf")
    expected = {tensor.name: tensor for tensor in theirs.tensors}
    assert {tensor.name for tensor in ours.tensors} == set(expected)
    for tensor in ours.tensors:
        other = expected[tensor.name]
        assert tensor.tensor_type == other.tensor_type
        assert tensor.shape.tolist() == other.shape.tolist()
        assert np.array_equal(tensor.data, other.data)
    for key in ("block_count", "attention.head_count", "rope.dimension_count", "vocab_size"):
        name = f"llama.{key}"
        assert ours.fields[name].contents() == theirs.fields[name].contents()
    assert ours.fields["llama.context_length"].contents() == 1024
    assert ours.fields["llama.rope.freq_base"].contents() == pytest.approx(10000.0)


def test_query_heads_and_key_heads_may_differ(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write_tiny_model(folder)
    write_gguf(folder, tmp_path / "tiny.gguf", 256)
    reader = gguf.GGUFReader(tmp_path / "tiny.gguf")
    shapes = {tensor.name: tensor.shape.tolist() for tensor in reader.tensors}
    assert shapes["blk.0.attn_k.weight"][1] < shapes["blk.0.attn_q.weight"][1]
