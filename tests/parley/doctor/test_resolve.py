"""What "auto" means is what the worker says that it means."""

import logging
import sys
from pathlib import Path

import pytest

from bot.config import Settings, load
from bot.generation import WorkerGenerator
from bot.models.choose import DEMO_REASON
from parley.app import worker_options
from parley.doctor import resolve
from parley.doctor.resolve import resolve_backend
from tests.fake_choice import interpreter_that_chooses
from tests.fake_gpu import interpreter_with_gpu
from tests.tiny_model import write_tiny_model

needs_a_shell = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


def given(folder: Path, **model: str) -> Settings:
    file = folder / "config.toml"
    file.write_text("")
    environment = {f"PARLEY_MODEL__{key.upper()}": value for key, value in model.items()}
    return load(file, environment)


async def test_a_back_end_of_the_settings_is_taken_and_nobody_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(resolve, "run_command")
    found = await resolve_backend(
        given(tmp_path, backend="torch", device="xpu", python="/no/python")
    )
    assert (found.backend, found.reason, found.error) == ("torch", "", "")


async def test_the_demo_model_goes_to_openvino_on_the_cpu(tmp_path: Path) -> None:
    found = await resolve_backend(given(tmp_path))
    assert (found.backend, found.settings.model.device) == ("openvino", "cpu")
    assert found.reason == DEMO_REASON


@needs_a_shell
@pytest.mark.parametrize(
    ("ipex", "backend", "reason"),
    [
        (False, "torch", "torch finds an Intel GPU, and ipex-llm is not installed"),
        (True, "ipex", "ipex-llm is installed and finds an Intel GPU"),
    ],
)
@pytest.mark.process
async def test_what_the_models_interpreter_has_decides(
    tmp_path: Path, ipex: bool, backend: str, reason: str
) -> None:
    python = interpreter_with_gpu(tmp_path, ipex=ipex)
    found = await resolve_backend(given(tmp_path, name="org/never-here", python=python))
    assert (found.backend, found.reason) == (backend, reason)


@pytest.mark.process
async def test_an_interpreter_that_is_not_there_is_said(tmp_path: Path) -> None:
    found = await resolve_backend(given(tmp_path, python="/no/python"))
    assert found.error == "/no/python cannot be started (No such file or directory)"
    assert found.backend == "auto"


@needs_a_shell
@pytest.mark.process
async def test_an_interpreter_that_breaks_is_said(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\necho no zlib >&2; exit 1\n")
    python.chmod(0o755)
    found = await resolve_backend(given(tmp_path, python=str(python)))
    assert found.error == "the process ended without a result (exit code 1): no zlib"


@needs_a_shell
@pytest.mark.process
async def test_what_would_make_it_faster_is_passed_on(tmp_path: Path) -> None:
    python = interpreter_that_chooses(tmp_path, advice="llama.cpp writes 20: build it")
    found = await resolve_backend(given(tmp_path, python=python, backend="auto", device="cpu"))
    assert (found.backend, found.advice) == ("openvino", "llama.cpp writes 20: build it")
    said = given(tmp_path, python=python, backend="openvino", device="cpu")
    assert (await resolve_backend(said)).advice == ""


@pytest.mark.process
async def test_a_start_takes_what_was_said_and_logs_it_in_a_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    model = tmp_path / "model"
    model.mkdir()
    write_tiny_model(model)
    cache = str(tmp_path / "cache")
    settings = given(tmp_path, name=str(model), max_parallel="1", cache_dir=cache)
    said = await resolve_backend(settings)
    generator = WorkerGenerator(worker_options(settings))
    try:
        info = await generator.start()
    finally:
        await generator.aclose()
    assert info.backend == said.backend
    assert info.note == f'backend "{said.backend}" was chosen: {said.reason}'
    assert f"the model: {info.note} ({info.device})" in caplog.messages
