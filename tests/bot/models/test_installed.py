"""GGUF files are listed among the models on this machine, with their size."""

from pathlib import Path

import pytest

from bot.config import Settings, load
from bot.errors import ModelError
from bot.models.installed import Installed, find_installed, list_installed
from tests.tiny_gguf import write_gguf

REPOSITORY = "owner/model-GGUF"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def settings(folder: Path, name: str) -> Settings:
    (folder / "config.toml").write_text("")
    environment = {"PARLEY_MODEL__NAME": name, "PARLEY_MODEL__CACHE_DIR": str(folder / "forms")}
    return load(folder / "config.toml", environment)


def by_name(chosen: Settings) -> dict[str, Installed]:
    return {model.name: model for model in list_installed(chosen).models}


def downloaded(cache: Path, *names: str) -> None:
    snapshot = cache / "models--owner--model-GGUF" / "snapshots" / "one"
    snapshot.mkdir(parents=True, exist_ok=True)
    for name in names:
        (snapshot / name).write_bytes(bytes(100))


@pytest.mark.usefixtures("cache")
def test_a_file_of_ones_own_is_listed_with_all_its_parts(tmp_path: Path) -> None:
    for number in (1, 2):
        (tmp_path / f"m-0000{number}-of-00002.gguf").write_bytes(bytes(1000))
    name = str(tmp_path / "m-00001-of-00002.gguf")
    model = by_name(settings(tmp_path, name))[name]
    assert (model.size, model.missing, model.download) == (2000, "", None)
    (tmp_path / "m-00002-of-00002.gguf").unlink()
    assert by_name(settings(tmp_path, name))[name].missing == "m-00002-of-00002.gguf"


@pytest.mark.usefixtures("cache")
def test_a_file_of_ones_own_that_is_cut_off_runs_with_nothing(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf")
    assert by_name(settings(tmp_path, str(file)))[str(file)].kind.refusal == ""
    file.write_bytes(file.read_bytes()[:-100])
    kind = by_name(settings(tmp_path, str(file)))[str(file)].kind
    assert f"{file} is incomplete (it has " in kind.refusal
    assert kind.routes == ()


def test_a_download_of_gguf_files_is_listed_once(tmp_path: Path, cache: Path) -> None:
    downloaded(cache, "m-Q4_K_M.gguf", "m-Q8_0.gguf")
    model = by_name(settings(tmp_path, "demo"))[REPOSITORY]
    assert (model.size, model.missing) == (200, "")


def test_a_download_of_other_files_is_no_model(tmp_path: Path, cache: Path) -> None:
    downloaded(cache, "mmproj-F16.gguf")
    assert REPOSITORY not in by_name(settings(tmp_path, "demo"))


def test_a_download_is_found_with_and_without_its_quantization(tmp_path: Path, cache: Path) -> None:
    downloaded(cache, "m-Q4_K_M.gguf")
    chosen = settings(tmp_path, f"{REPOSITORY}:Q4_K_M")
    for name in (REPOSITORY, f"{REPOSITORY}:Q4_K_M"):
        assert find_installed(chosen, name).name == REPOSITORY
    with pytest.raises(ModelError, match="not installed"):
        find_installed(chosen, "owner/other:Q4_K_M")
