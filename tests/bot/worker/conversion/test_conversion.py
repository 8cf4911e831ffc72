"""A converted model is whole and complete, or it is not there."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.worker.backends.openvino.library import MODEL_FILE, import_openvino
from bot.worker.conversion import convert as conversion
from bot.worker.conversion import model_cache
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.convert import convert, resolve_low_bit
from bot.worker.conversion.file_lock import locked
from bot.worker.conversion.model_cache import converted
from bot.worker.conversion.safetensors_file import SINGLE
from bot.worker.protocol import LoadError
from tests.tiny_model import TinyLlama, write_tiny_model


def silent(what: str, done: int, total: int) -> None:
    """Ignores progress."""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tiny_model(tmp_path / "tiny")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def folders(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if path.is_dir())


def logits(folder: Path, ids: list[int]) -> Any:
    """Of the last token, from the graph itself, without GenAI."""
    import numpy as np

    ov = import_openvino()
    hints = {"INFERENCE_PRECISION_HINT": "f32"}
    model = ov.Core().compile_model(ov.Core().read_model(folder / MODEL_FILE), "CPU", hints)
    tokens = np.array([ids], np.int64)
    given = {
        "input_ids": tokens,
        "attention_mask": np.ones_like(tokens),
        "position_ids": np.arange(len(ids))[None].astype(np.int64),
        "beam_idx": np.zeros(1, np.int32),
    }
    return model.create_infer_request().infer(given)[0][0, -1]


# ---------------------------------------------------------------- what is written


def test_progress_reaches_the_end(source: Path, tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    target = tmp_path / "out"
    target.mkdir()
    convert(source, target, "fp16", lambda what, done, total: reports.append((done, total)))
    assert reports[0][0] == 0
    assert reports == sorted(reports)
    assert reports[-1][0] == reports[-1][1] > 0
    assert {path.name for path in target.iterdir()} == {MODEL_FILE, "openvino_model.bin"}


@pytest.mark.parametrize("dtype", ["F32", "BF16"])
def test_a_model_gives_the_same_from_one_file_or_several(tmp_path: Path, dtype: str) -> None:
    results = []
    for shards in (1, 3):
        target = tmp_path / f"out{shards}"
        target.mkdir()
        folder = write_tiny_model(tmp_path / f"in{shards}", dtype=dtype, shards=shards)
        convert(folder, target, "fp32", silent)
        results.append(logits(target, [1, 50, 60, 70]))
    assert (results[0] == results[1]).all()


def test_a_model_may_use_its_embedding_as_output(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "in", TinyLlama(tied=True))
    convert(folder, folder, "fp16", silent)
    assert logits(folder, [1, 5]).shape == (512,)


def test_rows_that_do_not_fit_at_once_are_converted_in_pieces(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    for chunk in (1 << 24, 1000):
        monkeypatch.setattr(conversion, "CHUNK", chunk)
        target = tmp_path / str(chunk)
        target.mkdir()
        convert(source, target, "asym_int4", silent)
        sizes.append((target / "openvino_model.bin").read_bytes())
    assert sizes[0] == sizes[1]


def test_auto_is_four_bits_from_a_billion_weights_on(source: Path) -> None:
    config = read_config(source)
    assert resolve_low_bit("auto", config) == "fp16"
    small = replace(config, hidden=1024, inner=3072, vocab=152_000, layers=config.layers * 14)
    large = replace(config, hidden=4096, inner=11008, vocab=32000, layers=config.layers * 16)
    assert resolve_low_bit("auto", small) == "sym_int8"  # the shape of Qwen3-0.6B
    assert resolve_low_bit("auto", large) == "sym_int4"
    assert resolve_low_bit("sym_int4", small) == "sym_int4"
    with pytest.raises(
        LoadError, match='"nf4" is not for backend = "openvino": choose one of "fp32"'
    ):
        resolve_low_bit("nf4", config)


# ---------------------------------------------------------------- the cache


def test_a_model_is_converted_once(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = converted(source, cache, "fp16", silent)
    monkeypatch.setattr(model_cache, "convert", None)  # would fail if it were called
    assert converted(source, cache, "fp16", silent) == first
    assert folders(cache) == [first.name]


def test_other_quantization_and_other_weights_are_converted_apart(
    source: Path, cache: Path
) -> None:
    names = {converted(source, cache, low_bit, silent).name for low_bit in ("fp16", "sym_int8")}
    write_tiny_model(source, TinyLlama(seed=1))
    names.add(converted(source, cache, "fp16", silent).name)
    assert len(names) == 3


def stop_after(reports: int) -> Callable[[str, int, int], None]:
    left = [reports]

    def report(what: str, done: int, total: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    return report


def test_an_interrupted_conversion_leaves_nothing(source: Path, cache: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        converted(source, cache, "fp16", stop_after(5))
    assert folders(cache) == []
    assert (converted(source, cache, "fp16", silent) / MODEL_FILE).is_file()


def test_what_a_killed_conversion_left_is_removed_by_the_next(source: Path, cache: Path) -> None:
    name = converted(source, cache, "fp16", silent).name
    (cache / name).rename(cache / f"{name}.abcd.partial")
    converted(source, cache, "fp16", silent)
    assert folders(cache) == [name]


def test_a_model_larger_than_the_device_is_refused_before_anything_is_written(
    source: Path, cache: Path
) -> None:
    size = (converted(source, cache, "fp16", silent) / "openvino_model.bin").stat().st_size
    with pytest.raises(LoadError, match="GB of memory, and the device has .* GB in all: choose"):
        converted(source, cache, "fp32", silent, memory=size)
    assert len(folders(cache)) == 1
    converted(source, cache, "fp16", silent, memory=1)  # it is there already
    converted(source, cache, "sym_int8", silent, memory=size)
    assert len(folders(cache)) == 2


def test_a_full_disk_is_said_before_anything_is_written(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(LoadError, match="GB are free: make room"):
        converted(source, cache, "fp16", silent)
    assert folders(cache) == []


def test_a_disk_that_fills_up_meanwhile_leaves_nothing(
    source: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(conversion, "_write_tensor", full)
    with pytest.raises(LoadError, match=f"the disk of {cache} is full"):
        converted(source, cache, "fp16", silent)
    assert folders(cache) == []


def test_a_cache_that_cannot_be_written_is_named(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LoadError, match="cannot be written"):
        converted(source, tmp_path / "file", "fp16", silent)


def test_a_damaged_model_leaves_nothing(source: Path, cache: Path) -> None:
    file = source / SINGLE
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(LoadError, match="is damaged"):
        converted(source, cache, "fp16", silent)
    assert folders(cache) == []


def test_a_model_whose_files_do_not_belong_together_is_refused(source: Path, cache: Path) -> None:
    other = write_tiny_model(source.parent / "other", TinyLlama(inner=64))
    (source / SINGLE).write_bytes((other / SINGLE).read_bytes())
    with pytest.raises(LoadError, match=r"has the shape \(64, 64\), but config\.json asks for"):
        converted(source, cache, "fp16", silent)


def test_a_tensor_that_the_architecture_does_not_have_is_refused(tmp_path: Path) -> None:
    folder = write_tiny_model(tmp_path / "tiny", TinyLlama(biased=True))
    with pytest.raises(LoadError, match=r"type llama has no tensor model\.layers\.0.*_proj\.bias"):
        convert(folder, tmp_path, "fp32", silent)


def test_two_that_convert_at_once_convert_once(source: Path, cache: Path) -> None:
    converting, waiting = threading.Event(), threading.Event()
    reports: list[str] = []

    def slow(what: str, done: int, total: int) -> None:
        converting.set()
        waiting.wait(30)

    def second(what: str, done: int, total: int) -> None:
        reports.append(what)
        waiting.set()

    first = threading.Thread(target=converted, args=(source, cache, "fp16", slow))
    first.start()
    converting.wait(30)
    folder = converted(source, cache, "fp16", second)
    first.join()
    assert set(reports) == {"Waiting for another conversion"}
    assert folders(cache) == [folder.name]


def test_a_lock_is_free_when_its_holder_is_gone(tmp_path: Path) -> None:
    waits: list[int] = []
    for _ in range(2):
        with locked(tmp_path / "lock", lambda: waits.append(1)):
            pass
    assert waits == []
