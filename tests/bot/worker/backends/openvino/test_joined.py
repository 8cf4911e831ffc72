"""Vision-language exports as one model that reads token ids."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot.worker.backends.openvino import joined as joined_module
from bot.worker.backends.openvino.backend import OpenVinoBackend
from bot.worker.backends.openvino.joined import join
from bot.worker.backends.openvino.library import EMBEDDINGS_FILE, LANGUAGE_FILE
from bot.worker.conversion.convert import convert
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request, silent
from tests.tiny_model import write_tiny_model
from tests.vision_export import EVERY_INPUT, cut


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text model in OpenVINO's format."""
    folder = tmp_path_factory.mktemp("whole")
    source = write_tiny_model(tmp_path_factory.mktemp("tiny"))
    convert(source, folder, "fp16", silent)
    return folder


def options(model: Path, cache: Path) -> LoadOptions:
    return LoadOptions(
        backend="openvino",
        model=str(model),
        device="cpu",
        context=256,
        max_parallel=2,
        cache_dir=str(cache),
    )


@pytest.mark.parametrize("inputs", [(), EVERY_INPUT, ("rows",)])
def test_a_joined_model_answers_as_the_whole_one(
    whole: Path, tmp_path: Path, inputs: tuple[str, ...]
) -> None:
    expected = Bench(OpenVinoBackend(), options(whole, tmp_path)).answer(request())
    export = cut(whole, tmp_path / "vision", inputs)
    bench = Bench(OpenVinoBackend(), options(export, tmp_path / "cache"))
    assert bench.facts.low_bit == "fp16 (as exported)"
    assert bench.answer(request()) == expected


def test_it_is_joined_once_and_not_in_the_folder_of_the_export(whole: Path, tmp_path: Path) -> None:
    export = cut(whole, tmp_path / "vision")
    before = {file.name: file.stat().st_mtime_ns for file in export.iterdir()}
    said: list[str] = []
    for _ in range(2):
        joined_module.joined(export, str(tmp_path / "cache"), lambda what, *_: said.append(what))
    assert said == ["Joining the parts of the model"]
    assert {file.name: file.stat().st_mtime_ns for file in export.iterdir()} == before
    (folder,) = [each for each in (tmp_path / "cache").iterdir() if each.is_dir()]
    assert folder.name.startswith("vision-joined-")


def test_embeddings_are_scaled_as_the_configuration_says(whole: Path, tmp_path: Path) -> None:
    plain, scaled = (cut(whole, tmp_path / name) for name in ("plain", "scaled"))
    (scaled / "config.json").write_text('{"scale_emb": 12}')
    first, second = (
        Bench(OpenVinoBackend(), options(folder, tmp_path / "cache")).answer(request())
        for folder in (plain, scaled)
    )
    assert first != second


def refusal(export: Path, target: Path) -> str:
    with pytest.raises(LoadError) as caught:
        join(export, target)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_unknown_input_is_refused_with_other_ways(whole: Path, tmp_path: Path) -> None:
    export = cut(whole, tmp_path / "vision", ["token_type_ids"])
    graph = export / LANGUAGE_FILE
    graph.write_text(graph.read_text().replace("token_type_ids", "audio_features"))
    said = refusal(export, tmp_path)
    assert 'has an input "audio_features"' in said
    assert "GGUF" in said


@pytest.mark.parametrize("missing", [EMBEDDINGS_FILE, joined_module.PER_LAYER_FILE])
def test_a_missing_part_is_named(whole: Path, tmp_path: Path, missing: str) -> None:
    export = cut(whole, tmp_path / "vision", ["per_layer"])
    (export / missing).unlink()
    assert f"has no {missing}: download the model again" in refusal(export, tmp_path)


def test_a_damaged_part_is_named(whole: Path, tmp_path: Path) -> None:
    export = cut(whole, tmp_path / "vision")
    (export / EMBEDDINGS_FILE).write_text("<net>")
    said = refusal(export, tmp_path)
    assert said.startswith(f"{export / EMBEDDINGS_FILE} or its .bin file is damaged")


def test_without_a_cache_it_says_what_is_missing(whole: Path, tmp_path: Path) -> None:
    export = cut(whole, tmp_path / "vision")
    with pytest.raises(LoadError, match=r"\[model\] cache_dir is missing"):
        OpenVinoBackend().load(replace(options(export, tmp_path), cache_dir=""), silent)
