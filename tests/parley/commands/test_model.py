"""`parley model list`, `prepare`, `remove` and `prune`."""

import json
import shutil
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest

from bot.worker.conversion.file_lock import locked
from bot.worker.conversion.model_cache import get_or_convert, lock_of
from tests.parley.parley_program import Program
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


def prepared(program: Program, of: Path, low_bit: str = "sym_int4") -> Path:
    """What the worker leaves when it has converted the model in `of`."""

    def make(form: Path) -> None:
        (form / "openvino_model.bin").write_bytes(bytes(1000))

    cache = program.folder / "cache" / "parley"
    return get_or_convert(of, cache, low_bit, "openvino_model.bin", make, lambda *_: None)


def own(program: Program, name: str = "mine") -> Path:
    """A model that its owner put somewhere."""
    folder = program.folder / name / "llama"
    folder.mkdir(parents=True)
    write_tiny_model(folder)
    return folder


def listed(program: Program) -> dict[str, dict[str, Any]]:
    result = program.run("model", "list", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    return {model["name"]: model for model in json.loads(result.stdout)["models"]}


def stale(program: Program) -> dict[str, str]:
    """The forms that no start would use, and why."""
    forms = json.loads(program.run("model", "list", "--json").stdout)["stale"]
    return {form["folder"]: form["stale"] for form in forms}


def forms(model: dict[str, Any]) -> list[str]:
    return [form["low_bit"] for form in model["prepared"]]


def test_list_shows_what_is_here_with_its_size_and_its_converted_models(program: Program) -> None:
    snapshot = downloaded(program)
    prepared(program, snapshot)
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
    snapshot = downloaded(program)
    form = prepared(program, snapshot)
    other = prepared(program, own(program))
    result = program.run("model", "remove", NAME)
    assert result.returncode == 1
    assert "--yes" in result.stderr
    assert snapshot.exists()
    with program.in_terminal("model", "remove", NAME) as terminal:
        terminal.wait_for("Permanently delete")
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
    snapshot = downloaded(program)
    form = prepared(program, snapshot)
    assert program.run("model", "remove", NAME, "--converted", "--yes").returncode == 0
    assert snapshot.exists()
    assert not form.exists()


def test_remove_can_take_one_form_and_keep_the_others(program: Program) -> None:
    snapshot = downloaded(program)
    kinds = ("sym_int4", "ipex_sym_int4", "fp16")
    four, ipex_four, sixteen = (prepared(program, snapshot, low_bit=kind) for kind in kinds)
    result = program.run("model", "remove", NAME, "--low-bit", "sym_int4", "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert not four.exists()
    assert not ipex_four.exists()
    assert sixteen.exists()
    assert snapshot.exists()
    again = program.run("model", "remove", NAME, "--low-bit", "sym_int4", "--yes")
    assert again.returncode == 1
    assert again.stderr == f"parley: {NAME} has no converted model with low_bit sym_int4.\n"


def test_two_models_whose_folders_have_the_same_name_have_their_own_forms(program: Program) -> None:
    one, two = own(program, "one"), own(program, "two")
    (two / "config.json").touch()  # another time of change: not taken for the same model
    first, second = prepared(program, one), prepared(program, two)
    assert first != second
    assert program.run("model", "remove", str(one), "--converted", "--yes").returncode == 0
    assert not first.exists()
    assert second.exists()


# ---------------------------------------------------------------- forms that nobody uses any more


def test_forms_of_models_that_changed_or_went_are_shown_and_pruned_after_asking(
    program: Program,
) -> None:
    snapshot, changed, gone, fine = (
        downloaded(program),
        own(program),
        own(program, "b"),
        own(program, "c"),
    )
    used = [prepared(program, snapshot), prepared(program, fine)]
    old, orphan = prepared(program, changed), prepared(program, gone)
    (changed / "model.safetensors").touch()
    shutil.rmtree(gone)
    assert stale(program) == {
        str(old): "its model has changed since",
        str(orphan): f"{gone} is gone",
    }
    assert f"{orphan} (0.0 MB): {gone} is gone" in program.run("model", "list").stdout
    unasked = program.run("model", "prune")
    assert unasked.returncode == 1
    assert "--yes" in unasked.stderr
    assert f"{old} (0.0 MB): its model has changed since" in unasked.stdout
    assert old.exists()
    with program.in_terminal("model", "prune") as terminal:
        terminal.wait_for("Permanently delete")
        terminal.type("n\r")
        assert terminal.ended() == 1
    assert old.exists()
    assert program.run("model", "prune", "--yes").returncode == 0
    assert not old.exists()
    assert not orphan.exists()
    assert all(form.exists() for form in used)
    assert stale(program) == {}
    assert program.run("model", "prune").stdout.startswith(
        "Nothing to delete: every converted model in "
    )


def test_an_updated_download_leaves_a_form_of_the_old_version(program: Program) -> None:
    snapshot = downloaded(program)
    form = prepared(program, snapshot)
    fresh = snapshot.rename(snapshot.with_name("def456"))
    (fresh.parents[1] / "refs" / "main").write_text("def456")
    assert stale(program) == {str(form): f"{snapshot} is gone"}
    assert forms(listed(program)[NAME]) == ["sym_int4"], "it goes when the model goes"
    assert program.run("model", "remove", NAME, "--yes").returncode == 0
    assert not form.exists()


def test_a_model_that_was_moved_keeps_its_form(program: Program) -> None:
    folder = own(program)
    form = prepared(program, folder)
    moved = program.folder / "elsewhere" / "llama"
    moved.parent.mkdir()
    folder.rename(moved)
    assert set(stale(program)) == {str(form)}
    program.settings["PARLEY_MODEL__NAME"] = str(moved)
    assert stale(program) == {}
    assert forms(listed(program)[str(moved)]) == ["sym_int4"]


def test_what_a_killed_conversion_left_is_pruned_and_one_under_way_is_not(
    program: Program,
) -> None:
    form = prepared(program, own(program))
    left = form.with_name(f"{form.name}.x1y2.partial")
    left.mkdir()
    (left / "weights.partial").write_bytes(bytes(1000))
    with locked(lock_of(form), lambda: None):
        assert stale(program) == {}
    assert stale(program) == {str(left): "its conversion was not finished"}
    assert program.run("model", "prune", "--yes").returncode == 0
    assert not left.exists()
    assert form.exists()


def test_what_else_lies_in_the_cache_is_left_alone(program: Program) -> None:
    folder = prepared(program, own(program)).parent
    for name in ("compiled", "my-notes", "llama-sym_int4-short"):
        (folder / name).mkdir()
        (folder / name / "file").touch()
    assert stale(program) == {}
    result = program.run("model", "prune", "--yes")
    assert (result.returncode, result.stderr) == (0, "")
    assert (folder / "my-notes" / "file").exists()


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
    assert 'backend = "scripted" runs no model on this machine' in result.stderr


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
    assert f"{NAME} is converted for openvino, sym_int8, CPU" in result.stdout
    assert forms(listed(program)[NAME]) == ["sym_int8"]
    again = program.run("model", "prepare", NAME, "--low-bit", "sym_int8")
    assert "nothing left to convert" in again.stdout
    assert program.run("model", "remove", NAME, "--yes").returncode == 0
    assert listed(program)["demo"]["prepared"] == []


def test_prepare_shows_a_bar_in_a_terminal(program: Program) -> None:
    program.settings |= {"PARLEY_MODEL__BACKEND": "openvino", "PARLEY_MODEL__DEVICE": "cpu"}
    with program.in_terminal("model", "prepare", "demo") as terminal:
        terminal.wait_for("demo is converted for openvino")
        assert terminal.ended() == 0


def test_list_says_what_runs_each_model_and_what_nothing_runs(program: Program) -> None:
    snapshot = downloaded(program)
    models = listed(program)
    assert models["demo"]["backends"] == ["openvino", "torch"]
    assert models[NAME]["refusal"] == ""
    config = json.loads((snapshot / "config.json").read_text())
    quantized = config | {"quantization_config": {"quant_method": "gptq"}}
    (snapshot / "config.json").write_text(json.dumps(quantized))
    assert "quantized by GPTQ" in listed(program)[NAME]["refusal"]
    assert "quantized by GPTQ" in program.run("model", "list").stdout


def test_a_model_that_nothing_runs_is_refused_before_it_is_loaded(program: Program) -> None:
    folder = own(program)
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    (folder / "model.safetensors").unlink()
    program.settings |= {"PARLEY_MODEL__NAME": str(folder), "PARLEY_MODEL__BACKEND": "openvino"}
    for command in (("ask", "Hello"), ("model", "prepare")):
        result = program.run(*command)
        assert result.returncode == 1
        (line,) = result.stderr.splitlines()
        assert "only a LoRA adapter for org/base" in line
        assert "use its base model (org/base)" in line


def test_the_catalogue_is_listed_with_its_sources(program: Program) -> None:
    facts = json.loads(program.run("model", "list", "--available", "--json").stdout)
    rows = {model["name"]: model for model in facts["models"]}
    row = rows["OpenVINO/Qwen3-8B-int4-ov"]
    assert row["memory"] > row["download"] > 4e9
    assert all(model["sources"] for model in rows.values())
    text = program.run("model", "list", "--available").stdout
    assert "OpenVINO/Qwen3-8B-int4-ov\n   8.2 billion parameters, 4.9 GB to download, " in text
    assert "meta-llama/Llama-2-7b-chat-hf\n" in text
    assert "Llama 2 Community, gated" in text
    assert "parley model pull NAME" in text


@pytest.mark.process
def test_recommend_names_models_that_fit_this_machine_with_the_commands(program: Program) -> None:
    result = program.run("model", "recommend", "--json")
    assert (result.returncode, result.stderr) == (0, "")
    facts = json.loads(result.stdout)
    assert facts["machine"]["memory"] > 0
    for model in facts["models"]:
        assert model["memory"] <= model["room"]
    text = program.run("model", "recommend").stdout
    assert text.startswith("This machine: ")
    for model in facts["models"]:
        assert model["pull"] in text
        assert indent(model["setting"], "   ") in text
