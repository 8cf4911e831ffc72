"""What `parley model recommend` says."""

import tomllib
from pathlib import Path

import pytest

from bot.config import LlamaCppSettings, ModelSettings, Settings
from bot.models.catalogue import load_catalogue
from bot.models.machine import Gpu, Machine
from bot.models.recommend import recommend
from parley.commands.model_choice import _advice, find_machine, list_available


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


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))


def test_on_a_terminal_lines_end_between_words_and_names_stay_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_a_terminal(monkeypatch, 60)
    list_available(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    names = {model.name for model in load_catalogue().models}
    assert names <= set(lines)
    others = [line for line in lines if line not in names]
    assert max(map(len, others)) <= 60
    assert "   0.6 billion parameters, 0.6 GB to download, 1.6 GB of" in others
    assert "   memory, 32,768 tokens, can think first, Apache-2.0," in others


def test_a_program_gets_a_line_for_each_text(capsys: pytest.CaptureFixture[str]) -> None:
    list_available(as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(load_catalogue().models) + 2


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
