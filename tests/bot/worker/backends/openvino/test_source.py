"""What OpenVINO loads for a model: exports that a program in another environment makes."""

import json
import shutil
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from bot.worker.backends.openvino.backend import OpenVinoBackend
from bot.worker.backends.openvino.exporter import resolve_export_low_bit
from bot.worker.backends.openvino.library import MODEL_FILE
from bot.worker.backends.openvino.source import find_source
from bot.worker.conversion.convert import convert
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import Bench, request, silent
from tests.tiny_model import write_tiny_model
from tests.vision_export import cut

pytestmark = pytest.mark.process


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A model of an architecture that the converter does not know."""
    (folder := tmp_path / "source").mkdir()
    return write_tiny_model(folder, config={"model_type": "starfish"})


@pytest.fixture
def options(source: Path, tmp_path: Path) -> LoadOptions:
    return LoadOptions(
        backend="openvino",
        model=str(source),
        device="cpu",
        low_bit="fp16",
        context=256,
        max_parallel=2,
        cache_dir=str(tmp_path / "cache"),
    )


def exporter(folder: Path, made: Path | None = None, last: str = "") -> str:
    """An interpreter that does what optimum-intel's does: it gives the files in `made`, and says
    what the script says. It notes its arguments in calls.txt beside itself; `last` is its last
    statement."""
    file = folder / "python"
    program = f"""\
        #!{sys.executable}
        import json, os, pathlib, shutil, sys, time
        script, command, source, *rest = sys.argv[1:]
        with open({str(folder / "calls.txt")!r}, "a") as calls:
            calls.write(f"{{command}} {{os.environ.get('PYTHONPATH', '')}} {{rest[1:]}}\\n")
        if command == "which":
            print(json.dumps({{"folder": "/older/transformers"}}))
        else:
            print("a library's own words")
            print(json.dumps({{"progress": "Exporting the model"}}), flush=True)
            made = {str(made) if made else ""!r}
            if made:
                shutil.copytree(made, rest[0], dirs_exist_ok=True)
            {last or "pass"}
        """
    file.write_text(textwrap.dedent(program))
    file.chmod(0o755)
    return str(file)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """What optimum-intel would write."""
    (original := tmp_path / "original").mkdir()
    (folder := tmp_path / "made").mkdir()
    convert(write_tiny_model(original), folder, "fp16", silent)
    return folder


def calls(folder: Path) -> list[str]:
    return (folder / "calls.txt").read_text().splitlines()


def test_an_export_is_made_once_and_found_by_every_later_start(
    options: LoadOptions, tmp_path: Path, made: Path
) -> None:
    python = exporter(tmp_path, made)
    said: list[str] = []
    found = find_source(replace(options, exporter=python), lambda what, *_: said.append(what))
    assert "Exporting the model" in said
    assert (found.low_bit, found.exact, found.name) == ("fp16", True, "source")
    assert calls(tmp_path) == ["which  []", "export /older/transformers ['fp16']"]
    again = find_source(options, silent)  # without the environment
    assert again.path == found.path
    expected = Bench(OpenVinoBackend(), replace(options, model=str(made))).answer(request())
    assert Bench(OpenVinoBackend(), options).answer(request()) == expected


def test_a_vision_language_export_is_joined(
    options: LoadOptions, tmp_path: Path, made: Path
) -> None:
    parts = cut(made, tmp_path / "parts", ["token_type_ids"])
    found = find_source(replace(options, exporter=exporter(tmp_path, parts)), silent)
    assert (found.path / MODEL_FILE).is_file()
    assert not list(found.path.glob("*language*")), "the parts take no more space"
    assert found.low_bit == "fp16"
    expected = Bench(OpenVinoBackend(), replace(options, model=str(made))).answer(request())
    assert Bench(OpenVinoBackend(), options).answer(request()) == expected


def refusal(options: LoadOptions) -> str:
    with pytest.raises(LoadError) as caught:
        find_source(options, silent)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_without_an_export_the_refusal_names_the_commands(
    options: LoadOptions, source: Path
) -> None:
    said = refusal(options)
    assert 'a model of type "starfish" cannot be converted' in said
    assert "GGUF" in said
    assert f"parley backend install export, then parley model prepare {source}" in said


def test_a_damaged_folder_is_not_exported(options: LoadOptions, source: Path) -> None:
    (source / "config.json").write_text("{")
    assert "export" not in refusal(options)


def test_why_an_export_failed_is_told_and_nothing_is_left(
    options: LoadOptions, tmp_path: Path
) -> None:
    python = exporter(tmp_path, last='print(json.dumps({"error": "KeyError: starfish"}))')
    said = refusal(replace(options, exporter=python))
    assert "cannot be exported (KeyError: starfish)" in said
    assert "GGUF" in said
    assert [file for file in (tmp_path / "cache").iterdir() if file.is_dir()] == []


@pytest.mark.parametrize("signal", [6, 9])  # Linux kills with 9 where memory runs out
def test_a_process_that_dies_is_told(options: LoadOptions, tmp_path: Path, signal: int) -> None:
    python = exporter(tmp_path, last=f"os.kill(os.getpid(), {signal})")
    said = refusal(replace(options, exporter=python))
    assert f"the process of optimum-intel ended with code -{signal}, perhaps because mem" in said


def test_an_interpreter_that_is_gone_is_told(options: LoadOptions, tmp_path: Path) -> None:
    said = refusal(replace(options, exporter=str(tmp_path / "gone")))
    assert "cannot be started (No such file or directory): run parley backend install" in said


def test_models_are_exported_in_4_bits_from_a_billion_weights_on(source: Path) -> None:
    assert resolve_export_low_bit(source, "auto") == "fp16"
    assert resolve_export_low_bit(source, "sym_int8") == "sym_int8"
    with (source / "model.safetensors").open("r+b") as file:
        file.truncate(1_500_000_000)  # sparse
        assert resolve_export_low_bit(source, "auto") == "sym_int8"
        file.truncate(2_100_000_000)
    assert resolve_export_low_bit(source, "auto") == "sym_int4"
    with pytest.raises(LoadError, match='"nf4" is not for backend = "openvino": choose one of'):
        resolve_export_low_bit(source, "nf4")


def test_too_little_memory_is_told_before_anything_runs(
    options: LoadOptions, source: Path, tmp_path: Path
) -> None:
    with (source / "model.safetensors").open("r+b") as file:
        file.truncate(4_000 * 10**9)  # sparse
    said = refusal(replace(options, exporter=exporter(tmp_path)))
    assert "needs about 8000.0 GB of main memory" in said
    assert not (tmp_path / "calls.txt").exists()


def test_an_export_goes_when_its_original_changes(
    options: LoadOptions, source: Path, tmp_path: Path, made: Path
) -> None:
    find_source(replace(options, exporter=exporter(tmp_path, made)), silent)
    config = json.loads((source / "config.json").read_bytes())
    (source / "config.json").write_text(json.dumps(config | {"other": 1}))
    assert "parley model prepare" in refusal(options)
    shutil.rmtree(tmp_path / "cache")
