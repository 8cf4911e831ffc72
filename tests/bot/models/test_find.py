"""Which folder `[model] name` means."""

from pathlib import Path

import pytest

from bot import demo_model
from bot.config import Settings, load
from bot.errors import ModelError
from bot.models.find import display_name, find_model, missing_weights
from bot.models.unsuited import VISION_EXPORT

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
        ([*VISION_EXPORT], ""),
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


def test_a_vision_language_export_is_complete_with_its_language_part(tmp_path: Path) -> None:
    snapshot = cached(tmp_path / "hub", "only")
    (snapshot / "model.safetensors").unlink()
    for part in ("language", "text_embeddings"):
        (snapshot / f"openvino_{part}_model.xml").touch()
        (snapshot / f"openvino_{part}_model.bin").touch()
    settings = named(HUB, tmp_path)
    assert find_model(settings, {"HF_HOME": str(tmp_path)}) == snapshot
    (snapshot / "openvino_text_embeddings_model.bin").unlink()
    with pytest.raises(ModelError, match=r"incomplete \(openvino_text_embeddings_model.bin"):
        find_model(settings, {"HF_HOME": str(tmp_path)})


def test_a_path_that_does_not_exist_is_returned_for_its_reader_to_report(tmp_path: Path) -> None:
    assert find_model(named("/no/model", tmp_path), {}) == Path("/no/model")


# ---------------------------------------------------------------- GGUF files

GGUFS = "owner/model-GGUF"


def cached_ggufs(tmp_path: Path, *names: str) -> Path:
    snapshot = tmp_path / "hub" / "models--owner--model-GGUF" / "snapshots" / "one"
    for name in names:
        file = snapshot / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return snapshot


def found(tmp_path: Path, name: str) -> Path:
    return find_model(named(name, tmp_path), {"HF_HUB_CACHE": str(tmp_path / "hub")})


def test_a_gguf_file_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.gguf").touch()
    settings = named("models/a.gguf", tmp_path)
    assert find_model(settings, {}) == tmp_path / "models" / "a.gguf"
    assert display_name(settings) == ""


def test_a_downloads_only_gguf_file_is_the_model(tmp_path: Path) -> None:
    snapshot = cached_ggufs(tmp_path, "m-Q8_0.gguf", "mmproj-F16.gguf", "config.json")
    assert found(tmp_path, GGUFS) == snapshot / "m-Q8_0.gguf"
    assert display_name(named(GGUFS, tmp_path)) == GGUFS


def test_of_several_quantizations_one_is_named_behind_a_colon(tmp_path: Path) -> None:
    snapshot = cached_ggufs(tmp_path, "m-Q4_K_M.gguf", "m-Q8_0.gguf")
    assert found(tmp_path, GGUFS) == snapshot / "m-Q4_K_M.gguf"
    for wanted in ("Q8_0", "q8_0", "m-Q8_0.gguf"):
        assert found(tmp_path, f"{GGUFS}:{wanted}") == snapshot / "m-Q8_0.gguf"
    assert display_name(named(f"{GGUFS}:Q8_0", tmp_path)) == f"{GGUFS}:Q8_0"


def test_the_first_part_of_a_split_file_is_the_model(tmp_path: Path) -> None:
    parts = [f"Q8_0/m-Q8_0-0000{number}-of-00002.gguf" for number in (1, 2)]
    snapshot = cached_ggufs(tmp_path, *parts)
    assert found(tmp_path, f"{GGUFS}:Q8_0") == snapshot / parts[0]
    (snapshot / parts[1]).unlink()
    with pytest.raises(ModelError, match=rf"parley model pull {GGUFS}"):
        found(tmp_path, GGUFS)


def test_a_quantization_that_was_not_downloaded_says_which_were(tmp_path: Path) -> None:
    cached_ggufs(tmp_path, "m-Q4_K_M.gguf", "m-Q8_0.gguf")
    with pytest.raises(ModelError) as caught:
        found(tmp_path, f"{GGUFS}:Q6_K")
    assert "no GGUF file “Q6_K”: choose one of Q4_K_M, Q8_0" in str(caught.value)
    assert f"parley model pull {GGUFS}:Q6_K" in str(caught.value)


def test_a_download_that_is_not_there_is_pulled_with_its_quantization(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=f"parley model pull {GGUFS}:Q6_K"):
        found(tmp_path, f"{GGUFS}:Q6_K")


def test_weights_in_another_format_go_before_a_gguf_file_beside_them(tmp_path: Path) -> None:
    snapshot = cached_ggufs(tmp_path, "m-Q8_0.gguf", "model.safetensors", "config.json")
    assert found(tmp_path, GGUFS) == snapshot
    assert found(tmp_path, f"{GGUFS}:Q8_0") == snapshot / "m-Q8_0.gguf"


def test_a_folder_of_ones_own_may_hold_gguf_files(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("b-Q4_K_M.gguf", "b-Q8_0.gguf"):
        (tmp_path / "mine" / name).touch()
    assert find_model(named("mine", tmp_path), {}) == tmp_path / "mine" / "b-Q4_K_M.gguf"
    (tmp_path / "mine" / "c-Q4_K_M.gguf").touch()
    with pytest.raises(ModelError, match=r"b-Q4_K_M\.gguf, c-Q4_K_M\.gguf"):
        find_model(named("mine", tmp_path), {})


def test_of_a_gguf_file_a_part_may_be_missing(tmp_path: Path) -> None:
    for number in (1, 3):
        (tmp_path / f"m-0000{number}-of-00003.gguf").touch()
    assert missing_weights(tmp_path / "m-00001-of-00003.gguf") == "m-00002-of-00003.gguf"
    (tmp_path / "whole.gguf").touch()
    assert missing_weights(tmp_path / "whole.gguf") == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("qwen3", "parley model list --available"),
        ("qwen3:8b", "a name of the Hub has an owner"),
        ("https://huggingface.co/Qwen/Qwen3-8B/tree/main", "parley model pull Qwen/Qwen3-8B"),
        ("hf.co/Qwen/Qwen3-8B", 'write "Qwen/Qwen3-8B" instead'),
    ],
)
def test_what_is_neither_a_path_nor_a_name_of_the_hub_is_told(
    tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ModelError) as refused:
        find_model(named(name, tmp_path), {"HF_HUB_CACHE": str(tmp_path / "hub")})
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["models/gone/deeper", "gone.gguf", "~/gone"])
def test_a_path_that_does_not_exist_is_left_to_its_reader(tmp_path: Path, name: str) -> None:
    settings = named(name, tmp_path)
    assert find_model(settings, {"HF_HUB_CACHE": str(tmp_path / "hub")}) == settings.path(name)
