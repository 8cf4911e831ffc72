"""`parley model list`, `prepare` and `remove`."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.bot.cli.parley_program import Program
from tests.tiny_model import write_tiny_model

NAME = "org/tiny-chat"


@pytest.fixture
def program(program: Program) -> Program:
    program.settings["HF_HUB_CACHE"] = str(program.folder / "hub")
    return program


def downloaded(program: Program) -> Path:
    """A download as Hugging Face's tools leave it."""
    folder = program.folder / "hub" / "models--org--tiny-chat"
    snapshot = folder / "snapshots" / "abc123"
    snapshot.mkdir(parents=True)
    write_tiny_model(snapshot)
    blobs = folder / "blobs"
    blobs.mkdir()
    for file in list(snapshot.iterdir()):
        file.rename(blobs / file.name)
        file.symlink_to(f"../../blobs/{file.name}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("abc123")
    return snapshot


def prepared(program: Program, of: str = "abc123", low_bit: str = "sym_int4") -> Path:
    """What the worker leaves when it has converted a model."""
    form = program.folder / "cache" / "parley" / f"{of}-{low_bit}-{'0' * 16}"
    form.mkdir(parents=True)
    (form / "openvino_model.bin").write_bytes(bytes(1000))
    return form


def listed(program: Program) -> dict[str, dict[str, Any]]:
    result = program.run("model", "list", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return {model["name"]: model for model in json.loads(result.stdout)}


def forms(model: dict[str, Any]) -> list[str]:
    return [form["low_bit"] for form in model["prepared"]]


def test_list_shows_what_is_here_with_its_size_and_its_prepared_forms(program: Program) -> None:
    snapshot = downloaded(program)
    prepared(program)
    models = listed(program)
    assert set(models) == {"demo", NAME}
    assert models["demo"]["in_settings"] is True
    tiny = models[NAME]
    assert tiny["folder"] == str(snapshot)
    assert tiny["whole"] is True
    size = sum(path.stat().st_size for path in snapshot.iterdir())
    assert size <= tiny["bytes"] < size + 1000, "links are not counted as what they point to"
    assert forms(tiny) == ["sym_int4"]
    table = program.run("model", "list").stdout
    assert NAME in table
    assert "sym_int4 0.0 MB" in table


def test_list_says_which_download_is_not_whole(program: Program) -> None:
    (downloaded(program) / "model.safetensors").unlink()
    assert listed(program)[NAME]["whole"] is False
    assert f"parley model pull {NAME}" in program.run("model", "list").stdout


def test_a_model_of_ones_own_is_listed_by_its_folder(program: Program) -> None:
    folder = program.folder / "mine"
    folder.mkdir()
    write_tiny_model(folder)
    program.settings["PARLEY_MODEL__NAME"] = str(folder)
    assert listed(program)[str(folder)]["in_settings"] is True


def test_remove_asks_and_deletes_download_and_forms(program: Program) -> None:
    snapshot, form = downloaded(program), prepared(program)
    other = prepared(program, of="def456")
    result = program.run("model", "remove", NAME)
    assert result.returncode == 1
    assert "--yes" in result.stderr
    assert snapshot.exists()
    with program.in_terminal("model", "remove", NAME) as terminal:
        terminal.wait_for("for good?")
        terminal.type("n\r")
        assert terminal.ended() == 1
    assert snapshot.exists()
    result = program.run("model", "remove", NAME, "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert not snapshot.exists()
    assert not form.exists()
    assert other.exists(), "another model's"
    assert set(listed(program)) == {"demo"}


def test_remove_can_keep_the_download(program: Program) -> None:
    snapshot, form = downloaded(program), prepared(program)
    assert program.run("model", "remove", NAME, "--prepared", "--yes").returncode == 0
    assert snapshot.exists()
    assert not form.exists()


def test_a_folder_of_ones_own_is_never_deleted(program: Program) -> None:
    folder = program.folder / "mine"
    folder.mkdir()
    write_tiny_model(folder)
    for name in (str(folder), "demo"):
        result = program.run("model", "remove", name, "--yes")
        assert result.returncode == 1
        assert len(result.stderr.splitlines()) == 1
    assert (folder / "model.safetensors").exists()


def test_removing_what_is_not_here_says_so(program: Program) -> None:
    result = program.run("model", "remove", "org/other", "--yes")
    assert (result.returncode, result.stdout) == (1, "")
    assert "parley model list" in result.stderr


def test_there_is_nothing_to_prepare_where_no_model_runs_here(program: Program) -> None:
    result = program.run("model", "prepare", "demo")
    assert result.returncode == 1
    assert 'backend = "scripted" runs no model here' in result.stderr


def test_a_form_that_is_none_names_those_that_are(program: Program) -> None:
    result = program.run("model", "prepare", "demo", "--low-bit", "int3")
    assert result.returncode == 2
    assert "sym_int4" in result.stderr


def test_what_cannot_be_prepared_is_one_line(program: Program) -> None:
    program.settings["PARLEY_MODEL__BACKEND"] = "openvino"
    result = program.run("model", "prepare", "org/other")
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert "parley model pull org/other" in line


def test_prepare_converts_once_and_list_shows_it(program: Program) -> None:
    program.settings |= {"PARLEY_MODEL__BACKEND": "openvino", "PARLEY_MODEL__DEVICE": "cpu"}
    downloaded(program)
    result = program.run("model", "prepare", NAME, "--low-bit", "sym_int8")
    assert (result.returncode, result.stderr) == (0, "")
    assert f"{NAME} is prepared for openvino, sym_int8, CPU" in result.stdout
    assert forms(listed(program)[NAME]) == ["sym_int8"]
    again = program.run("model", "prepare", NAME, "--low-bit", "sym_int8")
    assert "nothing more to prepare" in again.stdout
    assert program.run("model", "remove", NAME, "--yes").returncode == 0
    assert listed(program)["demo"]["prepared"] == []


def test_prepare_shows_a_bar_in_a_terminal(program: Program) -> None:
    program.settings |= {"PARLEY_MODEL__BACKEND": "openvino", "PARLEY_MODEL__DEVICE": "cpu"}
    with program.in_terminal("model", "prepare", "demo") as terminal:
        terminal.wait_for("demo is prepared for openvino")
        assert terminal.ended() == 0
