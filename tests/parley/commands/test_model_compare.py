"""`parley model compare`."""

import json
from pathlib import Path

import pytest

from tests.parley.parley_program import Program
from tests.tiny_gguf import write_gguf
from tests.tiny_model import write_tiny_model

pytestmark = pytest.mark.process


def test_more_bits_lose_less_and_nothing_is_left_on_the_disk(program: Program) -> None:
    chosen = ("--low-bit", "bf16", "--low-bit", "sym_int8", "--low-bit", "sym_int4")
    result = program.run("model", "compare", "demo", *chosen, "--json")
    assert result.returncode == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["tokens"] > 50
    found = facts["results"]
    assert [each["low_bit"] for each in found] == ["bf16", "sym_int8", "sym_int4"]
    for measure in ("weight_error", "logit_error", "divergence"):
        values = [each[measure] for each in found]
        assert values == sorted(values)
        assert values[0] > 0
    sizes = [each["bytes"] for each in found]
    assert sizes == sorted(sizes, reverse=True)
    assert all(0.9 * facts["tokens"] < each["same"] <= facts["tokens"] for each in found)
    assert found[-1]["worst_name"].startswith("model.")
    assert list(program.folder.rglob("parley-compare-*")) == []


def test_an_unknown_quantization_is_one_clear_line(program: Program) -> None:
    result = program.run("model", "compare", "demo", "--low-bit", "q4_k")
    assert result.returncode != 0
    assert result.stderr.strip().splitlines()[-1] == (
        "parley: --low-bit q4_k cannot be compared: "
        "choose among bf16, sym_int8, asym_int4, sym_int4."
    )


def test_a_damaged_model_is_one_clear_line(program: Program) -> None:
    folder: Path = program.folder / "damaged"
    folder.mkdir()
    write_tiny_model(folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    result = program.run("model", "compare", str(folder))
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert "cannot be compared" in last
    assert "download it again" in last
    assert "Traceback" not in result.stderr


def test_a_gguf_file_is_refused_with_what_can_be_compared(program: Program) -> None:
    result = program.run("model", "compare", str(write_gguf(program.folder / "m.gguf")))
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(f"parley: {program.folder}/m.gguf is a GGUF model, whose weights Parley")
    assert "name the folder of an original model" in last
