"""GGUF files that OpenVINO GenAI reads, and those that it would get wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest

from bot import demo_model
from bot.worker.backends.openvino.backend import OpenVinoBackend
from bot.worker.backends.openvino.gguf_file import read_gguf
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request, silent
from tests.demo_gguf import write_demo_gguf
from tests.tiny_gguf import write_gguf

LAYERS, HEADS, KEY_HEADS, HEAD = 2, 4, 2, 16


def write(
    file: Path, architecture: str = "llama", matrix: Any = None, part: tuple[int, int] = (0, 0)
) -> gguf.GGUFWriter:
    """A file with the metadata and the names of a tiny model; to be finished by `finish`."""
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_embedding_length(HEADS * HEAD)
    writer.add_token_list(["a", "b"])
    writer.add_array("tokenizer.ggml.scores", [0.5, 1.5])
    matrix = np.zeros((64, 64), np.float16) if matrix is None else matrix
    writer.add_tensor("token_embd.weight", np.zeros((2, 64), np.float32))
    writer.add_tensor(f"blk.{part[0]}.attn_q.weight", matrix)
    writer.add_tensor(f"blk.{part[0]}.attn_norm.weight", np.zeros(64, np.float32))
    if part[1]:
        writer.add_uint16("split.count", part[1])
    return writer


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def refusal(file: Path) -> str:
    with pytest.raises(LoadError) as caught:
        read_gguf(file)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_gguf_file_answers_as_the_folder_that_it_was_made_from(tmp_path: Path) -> None:
    options = LoadOptions(
        backend="openvino", device="cpu", context=256, max_parallel=2, cache_dir=str(tmp_path)
    )
    answers, facts = [], []
    file = write_demo_gguf(tmp_path / "demo.gguf")
    for model in (file, demo_model.directory()):
        bench = Bench(OpenVinoBackend(), replace(options, model=str(model)))
        answers.append(bench.answer(request(stop=[])))
        facts.append(bench.facts)
    assert answers[0] == answers[1]
    assert facts[0].low_bit == "F16"
    assert "parley backend install llamacpp" in facts[0].note
    assert facts[1].note == ""


def test_it_says_how_large_the_caches_are(tmp_path: Path) -> None:
    writer = write(tmp_path / "tiny.gguf", "qwen3")
    writer.add_key_length(32)
    finish(writer)
    model = read_gguf(tmp_path / "tiny.gguf")
    assert model.cache.heads == ((KEY_HEADS, 32),) * 2 * LAYERS
    assert model.weight_bytes == (tmp_path / "tiny.gguf").stat().st_size
    assert (model.file_type, model.exact) == ("F16", True)


def test_a_quantized_file_says_its_type(tmp_path: Path) -> None:
    matrix = gguf.quantize(np.ones((64, 64), np.float32), gguf.GGMLQuantizationType.Q8_0)
    writer = write(tmp_path / "tiny.gguf", matrix=np.zeros((64, 64), np.float16))
    writer.add_tensor("blk.1.attn_q.weight", matrix, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
    finish(writer)
    model = read_gguf(tmp_path / "tiny.gguf")
    assert (model.exact, model.rounded) == (False, False)


def test_types_whose_zero_points_genai_rounds_are_told(tmp_path: Path) -> None:
    matrix = gguf.quantize(np.ones((64, 64), np.float32), gguf.GGMLQuantizationType.Q4_1)
    writer = write(tmp_path / "tiny.gguf")
    writer.add_tensor("blk.1.attn_k.weight", matrix, raw_dtype=gguf.GGMLQuantizationType.Q4_1)
    finish(writer)
    model = read_gguf(tmp_path / "tiny.gguf")
    assert (model.exact, model.rounded) == (False, True)


def test_all_files_of_a_split_model_are_read(tmp_path: Path) -> None:
    for number in (1, 2):
        finish(write(tmp_path / f"m-0000{number}-of-00002.gguf", part=(number - 1, 2)))
    first = tmp_path / "m-00001-of-00002.gguf"
    assert read_gguf(first).weight_bytes == sum(f.stat().st_size for f in tmp_path.iterdir())
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    assert "m-00002-of-00002.gguf cannot be read: No such file" in refusal(first)


def test_another_architecture_is_for_llama_cpp(tmp_path: Path) -> None:
    finish(write(tmp_path / "tiny.gguf", "gemma3"))
    said = refusal(tmp_path / "tiny.gguf")
    assert "its architecture is 'gemma3', and OpenVINO reads llama, qwen2, qwen3" in said
    assert "parley backend install llamacpp" in said


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("llama.expert_count", 8, "it has experts"),
        ("llama.rope.dimension_count", 8, "a part of each head"),
        ("llama.attention.sliding_window", 64, "it has a sliding window"),
    ],
)
def test_what_genai_would_ignore_is_refused(
    tmp_path: Path, key: str, value: int, said: str
) -> None:
    writer = write(tmp_path / "tiny.gguf")
    writer.add_key_length(HEAD)
    writer.add_uint32(key, value)
    finish(writer)
    assert said in refusal(tmp_path / "tiny.gguf")


def test_scaled_rope_is_refused_however_it_is_written(tmp_path: Path) -> None:
    by_name, by_tensor = write(tmp_path / "a.gguf"), write(tmp_path / "b.gguf")
    by_name.add_rope_scaling_type(gguf.RopeScalingType.YARN)
    by_tensor.add_tensor("rope_freqs.weight", np.ones(8, np.float32))
    for writer, file in ((by_name, "a.gguf"), (by_tensor, "b.gguf")):
        finish(writer)
        assert "it scales RoPE" in refusal(tmp_path / file)


def test_a_quantization_that_genai_lacks_is_named(tmp_path: Path) -> None:
    matrix = gguf.quantize(np.ones((64, 64), np.float32), gguf.GGMLQuantizationType.Q5_0)
    writer = write(tmp_path / "tiny.gguf")
    writer.add_tensor("output.weight", matrix, raw_dtype=gguf.GGMLQuantizationType.Q5_0)
    finish(writer)
    assert "it has weights in Q5_0, and OpenVINO reads F16, Q4_0" in refusal(tmp_path / "tiny.gguf")


@pytest.mark.parametrize("size", [0, 3, 30, 200, 300])
def test_a_damaged_file_is_one_line(tmp_path: Path, size: int) -> None:
    file = tmp_path / "tiny.gguf"
    finish(write(file))
    file.write_bytes(file.read_bytes()[:size])
    assert refusal(file) == f"{file} is damaged, or no GGUF file: download it again"


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="cannot be read: No such file"):
        OpenVinoBackend().load(LoadOptions("openvino", str(tmp_path / "x.gguf")), silent)


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("block_count", 0),
        ("block_count", (1 << 32) - 1),
        ("block_count", "abc"),
        ("block_count", float("inf")),
        ("block_count", float("nan")),
        ("attention.head_count", 0),
        ("attention.head_count", "abc"),
    ],
)
def test_a_damaged_number_is_one_line(tmp_path: Path, key: str, wrong: Any) -> None:
    file = write_gguf(tmp_path / "tiny.gguf", values={f"llama.{key}": wrong})
    assert refusal(file) == f"{file} is damaged, or no GGUF file: download it again"
