"""What `parley model recommend` says."""

import tomllib
from pathlib import Path

import pytest

from bot.config import LlamaCppSettings, ModelSettings, Settings
from bot.models.catalogue import load_catalogue
from bot.models.machine import Gpu, Machine
from bot.models.recommend import recommend
from parley.commands.model_choice import _advice, find_machine


def advice(machine: Machine) -> str:
    catalogue = load_catalogue()
    return "\n".join(_advice(machine, recommend(machine, catalogue), catalogue))


def test_it_names_the_machine_the_models_and_the_commands() -> None:
    said = advice(Machine(34 << 30, (Gpu("GPU.0", "Arc A770", 16 << 30, shared=False),)))
    assert "36.5 GB of main memory, Arc A770 with 17.2 GB" in said
    assert "\n   parley model pull OpenVINO/Qwen3-14B-int4-ov\n" in said
    assert '\n   [model]\n   name = "OpenVINO/Qwen3-14B-int4-ov"\n' in said
    assert "on Arc A770, room for" in said


def test_the_lines_for_the_settings_can_be_pasted() -> None:
    lines = advice(Machine(34 << 30)).splitlines()
    pasted = "\n".join(lines[lines.index("   [model]") :][:2])
    assert tomllib.loads(pasted) == {"model": {"name": "OpenVINO/Qwen3-30B-A3B-int4-ov"}}


def test_a_machine_too_small_for_any_is_told_what_works() -> None:
    said = advice(Machine(1 << 30))
    assert "no GPU found" in said
    assert "the smallest one (OpenVINO/Qwen3-0.6B-int8-ov) needs" in said
    assert "parley chat" in said
    assert "docs/servers.md" in said


@pytest.mark.process
@pytest.mark.parametrize("there", [True, False])
async def test_a_llama_server_of_the_settings_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    section = LlamaCppSettings(server=str(tmp_path / "mine") if there else "")
    machine = await find_machine(Settings(model=ModelSettings(llamacpp=section)))
    assert machine.llama_server is there
