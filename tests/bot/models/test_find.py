"""Which folder `[model] name` means."""

from pathlib import Path

import pytest

from bot import demo_model
from bot.config import Settings, load
from bot.errors import ModelError
from bot.models.find import display_name, find_model, missing_weights
from bot.worker.backends.openvino.library import TEXT_PARTS

HUB = "meta-llama/Llama-2-7b-chat-hf"


def named(name: str, folder: Path) -> Settings:
    file = folder / "config.toml"
    file.write_text("")
    return load(file, {"PARLEY_MODEL__NAME": name})


def cached(cache: Path, commit: str, *, main: bool = False) -> Path:
    folder = cache / "models--meta-llama--Llama-2-7b-chat-hf"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").touch()
    if main:
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text(commit)
    return snapshot


def test_demo_is_the_model_that_comes_with_parley(tmp_path: Path) -> None:
    settings = named("demo", tmp_path)
    assert find_model(settings) == demo_model.directory()
    assert display_name(settings) == "Parley demo"


def test_a_path_begins_at_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    settings = named("models/mine", tmp_path)
    assert find_model(settings, {}) == tmp_path / "models" / "mine"
    assert display_name(settings) == ""


def test_a_name_is_looked_up_in_hugging_faces_cache(tmp_path: Path) -> None:
    settings = named(HUB, tmp_path)
    cached(tmp_path / "hub", "older")
    snapshot = cached(tmp_path / "hub", "newer", main=True)
    cached(tmp_path / "hub", "half")
    assert find_model(settings, {"HF_HUB_CACHE": str(tmp_path / "hub")}) == snapshot
    assert find_model(settings, {"HF_HOME": str(tmp_path)}) == snapshot
    assert display_name(settings) == HUB


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        (["openvino_model.xml"], "openvino_model.bin"),
        (["openvino_model.xml", "openvino_model.bin"], ""),
        (["openvino_language_model.xml"], "openvino_language_model.bin"),
        (
            ["openvino_language_model.xml", "openvino_language_model.bin"],
            "openvino_text_embeddings_model.xml",
        ),
        (["openvino_language_model.xml", *TEXT_PARTS], ""),
    ],
)
def test_an_export_needs_all_of_its_parts(tmp_path: Path, there: list[str], missing: str) -> None:
    for name in there:
        (tmp_path / name).touch()
    assert missing_weights(tmp_path) == missing


def test_without_a_main_commit_any_download_will_do(tmp_path: Path) -> None:
    cache = tmp_path / "huggingface" / "hub"
    snapshot = cached(cache, "only")
    assert find_model(named(HUB, tmp_path), {"XDG_CACHE_HOME": str(tmp_path)}) == snapshot


def test_a_name_that_was_never_downloaded_says_how_to_download_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"parley model pull {HUB}"):
        find_model(named(HUB, tmp_path), {"HF_HOME": str(tmp_path)})


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        ({"config.json": "{}"}, "model.safetensors"),
        ({"openvino_model.xml": ""}, "openvino_model.bin"),
        ({"model.safetensors.index.json": '{"weight_map": {"a": "1.st", "b": "2.st"}}'}, "1.st"),
        ({"model.safetensors.index.json": "{}"}, "model.safetensors.index.json"),
    ],
)
def test_a_download_that_was_interrupted_says_how_to_go_on(
    tmp_path: Path, files: dict[str, str], missing: str
) -> None:
    snapshot = cached(tmp_path / "hub", "half")
    (snapshot / "model.safetensors").unlink()
    for name, text in files.items():
        (snapshot / name).write_text(text)
    with pytest.raises(ModelError, match=rf"incomplete \({missing} .*parley model pull {HUB}"):
        find_model(named(HUB, tmp_path), {"HF_HOME": str(tmp_path)})


def test_a_path_that_does_not_exist_is_returned_for_its_reader_to_report(tmp_path: Path) -> None:
    assert find_model(named("/no/model", tmp_path), {}) == Path("/no/model")
