"""Weights are read as they were written, and damage is named."""

import json
from pathlib import Path

import numpy as np
import pytest

from bot.worker.conversion.safetensors_file import INDEX, SINGLE, Checkpoint, identity
from bot.worker.protocol import LoadError
from tests.tiny_model import TinyLlama, write_tiny_model

NAME = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize(("dtype", "precision"), [("F32", 0.0), ("F16", 1e-3), ("BF16", 1e-2)])
def test_rows_are_those_that_were_written(tmp_path: Path, dtype: str, precision: float) -> None:
    checkpoint = Checkpoint(write_tiny_model(tmp_path, dtype=dtype))
    expected = TinyLlama().tensors()[NAME]
    location = checkpoint.location(NAME)
    assert (location.dtype, location.shape) == (dtype, expected.shape)
    rows = checkpoint.rows(NAME, 10, 20).astype(np.float32)
    np.testing.assert_allclose(rows, expected[10:20], rtol=precision, atol=precision)
    vector = checkpoint.rows("model.norm.weight", 0, 64).astype(np.float32)
    np.testing.assert_allclose(vector, TinyLlama().tensors()["model.norm.weight"], rtol=precision)


def test_a_model_may_lie_in_several_files(tmp_path: Path) -> None:
    checkpoint = Checkpoint(write_tiny_model(tmp_path, shards=3))
    assert len(checkpoint.files) == 3
    assert set(checkpoint.locations) == set(TinyLlama().tensors())


def test_a_change_of_a_file_changes_the_identity(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path)
    before = identity(folder)
    assert identity(folder) == before
    with (folder / SINGLE).open("ab") as file:
        file.write(b"x")
    assert identity(folder) != before


def refusal(folder: Path) -> str:
    with pytest.raises(LoadError) as caught:
        Checkpoint(folder).location(NAME)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path, shards=2)
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert refusal(folder).endswith(
        "model-00002-of-00002.safetensors is missing: download the model again"
    )


def test_a_file_that_is_cut_off_is_named(tmp_path: Path) -> None:
    file = write_tiny_model(tmp_path) / SINGLE
    file.write_bytes(file.read_bytes()[:-1000])
    assert f"{file} is damaged (it ends before" in refusal(tmp_path)


@pytest.mark.parametrize(
    ("content", "how"),
    [
        (b"", "its header is truncated"),
        (b"\xff" * 100, "its header is truncated"),
        (b"\x05" + b"\0" * 7 + b"{{{{{", "it is not JSON"),
        (b"\x02" + b"\0" * 7 + b"[]", "it is not a JSON object"),
    ],
)
def test_a_file_of_something_else_is_damaged(tmp_path: Path, content: bytes, how: str) -> None:
    file = write_tiny_model(tmp_path) / SINGLE
    file.write_bytes(content)
    assert f"{file} is damaged ({how}" in refusal(tmp_path)


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 7]},
        {"dtype": "F16", "shape": [2, 2], "data_offsets": [-1, 7]},
        {"dtype": "F16", "shape": ["x"], "data_offsets": [0, 8]},
        {"dtype": "F16"},
        "nothing",
    ],
)
def test_an_invalid_entry_is_damage(tmp_path: Path, entry: object) -> None:
    header = json.dumps({NAME: entry}).encode()
    data = len(header).to_bytes(8, "little") + header + b"\0" * 8
    (tmp_path / SINGLE).write_bytes(data)
    assert f"its entry for {NAME} is invalid" in refusal(tmp_path)


def test_what_cannot_be_converted_is_explained(tmp_path: Path) -> None:
    assert "no *.safetensors file is there" in refusal(tmp_path)
    (tmp_path / "pytorch_model.bin").touch()
    assert "use *.safetensors" in refusal(tmp_path)
    (tmp_path / SINGLE).write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "run git lfs pull" in refusal(tmp_path)


def test_a_quantized_tensor_is_refused(tmp_path: Path) -> None:
    header = json.dumps({NAME: {"dtype": "I32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / SINGLE).write_bytes(len(header).to_bytes(8, "little") + header + b"\0" * 4)
    assert "as I32: only models in F32, F16 or BF16" in refusal(tmp_path)


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    checkpoint = Checkpoint(write_tiny_model(tmp_path, TinyLlama(layers=1)))
    with pytest.raises(LoadError, match=f"lacks the tensor {NAME}"):
        checkpoint.location(NAME)


def test_an_invalid_index_is_damage(tmp_path: Path) -> None:
    write_tiny_model(tmp_path, shards=2)
    (tmp_path / INDEX).write_text("{")
    assert f"{tmp_path / INDEX} is damaged" in refusal(tmp_path)
