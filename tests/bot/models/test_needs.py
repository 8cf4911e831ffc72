"""Memory and disk that a model needs, from its listing and config.json."""

from pathlib import Path

import pytest

from bot.errors import ModelError
from bot.models.kind import Kind, ModelKind, kind_of
from bot.models.machine import Gpu, Machine
from bot.models.needs import disk_for_conversion, loaded_size, require_disk, require_memory
from bot.models.repository import Repository

GB = 1_000_000_000
HALVES = {"model_type": "llama", "torch_dtype": "float16"}


def kind(*paths: str) -> ModelKind:
    found = kind_of(Repository("org/m", dict.fromkeys(paths, 1), {"config.json": HALVES}))
    assert found.kind is not Kind.UNSUITED
    return found


FOLDER = kind("config.json", "model.safetensors")
EXPORT = kind("config.json", "openvino_model.xml", "openvino_model.bin")


def test_what_is_converted_needs_a_quarter_of_its_16_bits() -> None:
    assert 3.5 * GB < loaded_size(FOLDER, 13 * GB, HALVES) < 4.5 * GB
    assert 3.5 * GB < disk_for_conversion(FOLDER, 13 * GB, HALVES) < 4.5 * GB
    wide = loaded_size(FOLDER, 26 * GB, {"torch_dtype": "float32"})
    assert wide == loaded_size(FOLDER, 13 * GB, HALVES)


def test_a_small_model_is_converted_to_8_bits() -> None:
    assert loaded_size(FOLDER, GB, HALVES) > GB / 2


def test_a_quantization_of_the_settings_counts() -> None:
    def of(low_bit: str) -> float:
        return disk_for_conversion(FOLDER, 16 * GB, HALVES, low_bit) / GB

    assert [of(low_bit) for low_bit in ("fp32", "bf16", "sym_int8")] == [32, 16, 8.5]
    assert of("auto") == of("sym_int4") == 4.5
    assert loaded_size(FOLDER, 16 * GB, HALVES, "fp16") > 16 * GB


def test_an_export_needs_what_its_files_have_and_is_not_converted() -> None:
    assert 5 * GB < loaded_size(EXPORT, 5 * GB, {}) < 5.5 * GB
    assert disk_for_conversion(EXPORT, 5 * GB, {}) == 0


def test_only_what_no_memory_holds_is_refused() -> None:
    machine = Machine(8 * GB, (Gpu("GPU.0", "Arc", 16 * GB, shared=False),))
    require_memory("org/m", 15 * GB, machine)
    require_memory("org/m", 99 * GB, Machine(0))
    with pytest.raises(ModelError, match=r"org/m needs 17.0 GB of memory, .* has 16.0 GB") as error:
        require_memory("org/m", 17 * GB, machine)
    assert "parley model recommend" in str(error.value)


def test_a_disk_too_small_for_the_converted_model_is_known_beforehand(tmp_path: Path) -> None:
    cache = tmp_path / "not" / "there"
    require_disk("org/m", 1000, cache)
    with pytest.raises(ModelError, match=r"org/m needs .* GB in .*not/there, .*cache_dir"):
        require_disk("org/m", 1 << 60, cache)
