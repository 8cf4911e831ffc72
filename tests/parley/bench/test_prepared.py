"""What is measured is what answers, and what cannot be compared is said at once."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.config import Settings, load
from bot.errors import ConfigError
from bot.messages import ModelInfo
from bot.worker.alone import _device
from bot.worker.protocol import LoadError
from parley.bench import comparison
from parley.bench.comparison import (
    CONTEXT,
    ENGINE,
    FULL,
    IPEX,
    LLAMACPP,
    Plan,
    compare,
    device_for,
    prepared,
)
from parley.bench.delivered import Asked
from parley.bench.samples import Sample
from parley.doctor.resolve import Resolved
from tests.tiny_gguf import write_gguf
from tests.tiny_model import write_tiny_model

PLAN = Plan(streams=(1, 4), rounds=1, tokens=8, peers=(), cases=())


def settings(model: Path | str, **changes: str) -> Settings:
    values = {"PARLEY_MODEL__NAME": str(model)} | changes
    return load(None, values)


def nothing(_: str) -> None:
    pass


async def test_auto_is_resolved_with_the_owners_settings_and_then_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[int] = []

    async def resolve(given: Settings) -> Resolved:
        seen.append(given.model.max_parallel)
        section = given.model.model_copy(update={"backend": "openvino"})
        return Resolved(given.model_copy(update={"model": section}))

    monkeypatch.setattr(comparison, "resolve_backend", resolve)
    found = await prepared(settings("demo", PARLEY_MODEL__MAX_PARALLEL="1"), PLAN)
    assert seen == [1]
    assert (found.model.backend, found.model.max_parallel) == ("openvino", 4)
    assert found.model.context == CONTEXT


async def test_a_model_with_a_short_context_window_is_measured_within_it(tmp_path: Path) -> None:
    model = write_tiny_model(tmp_path, config={"max_position_embeddings": 1024})
    asked = settings(model, PARLEY_MODEL__BACKEND="openvino")
    assert (await prepared(asked, PLAN)).model.context == 1024
    asked = settings(model, PARLEY_MODEL__BACKEND="openvino", PARLEY_MODEL__CONTEXT="300")
    assert (await prepared(asked, PLAN)).model.context == 300


@pytest.mark.parametrize(
    ("who", "device", "named"),
    [
        (LLAMACPP, "xpu", "gpu"),
        (LLAMACPP, "xpu:1", "gpu"),
        (LLAMACPP, "cuda", "gpu"),
        (LLAMACPP, "gpu.1", "gpu.1"),
        (LLAMACPP, "cpu", "cpu"),
        (IPEX, "gpu", "xpu"),
        (IPEX, "gpu.1", "xpu"),
        (IPEX, "xpu:1", "xpu:1"),
        (IPEX, "auto", "auto"),
        ("generate", "gpu", "gpu"),
    ],
)
def test_a_device_is_named_as_the_other_library_does(who: str, device: str, named: str) -> None:
    assert device_for(who, device) == named


@pytest.mark.parametrize(
    ("wanted", "device"),
    [("auto", "xpu"), ("gpu", "xpu"), ("gpu.1", "xpu"), ("cpu", "cpu"), ("cuda:1", "cuda:1")],
)
def test_transformers_gets_torchs_name_of_the_device(wanted: str, device: str) -> None:
    torch = SimpleNamespace(xpu=SimpleNamespace(is_available=lambda: True))
    assert _device(torch, wanted) == device


def test_without_a_gpu_transformers_is_not_compared_with_one() -> None:
    torch: Any = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    assert _device(torch, "auto") == "cpu"
    with pytest.raises(LoadError, match="torch finds no GPU"):
        _device(torch, "gpu")


# ---------------------------------------------------------------- --gguf


async def test_a_file_that_is_no_gguf_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    file.write_text("no model")
    with pytest.raises(ConfigError, match=r"model\.bin is no GGUF file"):
        await compare(settings("demo"), replace(PLAN, gguf=str(file)), nothing)


async def test_a_missing_server_is_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "server_path", lambda _: "")
    monkeypatch.setenv("PATH", str(tmp_path))
    file = write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(ConfigError, match="parley backend install llamacpp"):
        await compare(settings("demo"), replace(PLAN, gguf=str(file)), nothing)


@pytest.mark.process
async def test_a_file_of_another_model_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "find_server", lambda configured: configured)
    file = write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(
        ConfigError, match="another tokenizer than Parley demo: it is another model"
    ):
        await compare(settings("demo"), replace(PLAN, gguf=str(file)), nothing)


async def test_a_model_on_a_server_is_compared_with_nobody(tmp_path: Path) -> None:
    asked = settings(
        "demo",
        PARLEY_MODEL__BACKEND="openai",
        PARLEY_MODEL__OPENAI__BASE_URLS='["http://127.0.0.1:9/v1"]',
    )
    file = write_gguf(tmp_path / "tiny.gguf")
    with pytest.raises(ConfigError, match="the model is on a server"):
        await compare(asked, replace(PLAN, gguf=str(file)), nothing)


class OnAServer:
    """A running Parley whose model is on a server."""

    model = ModelInfo("tiny", "openai", "", "", 2048)

    async def ask(self, questions: Sequence[str]) -> Asked:
        return Asked(Sample(1.0, 5 * len(questions)), ())


async def test_with_a_model_on_a_server_everybody_else_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @contextlib.asynccontextmanager
    async def delivering(*_: object, **__: object) -> AsyncIterator[OnAServer]:
        yield OnAServer()

    monkeypatch.setattr(comparison, "delivering", delivering)
    asked = settings("demo", PARLEY_MODEL__BACKEND="openai")
    results = await compare(asked, replace(PLAN, peers=FULL.peers), nothing)
    assert set(results.missing) == {ENGINE, *FULL.peers}
    assert all("on a server" in reason for reason in results.missing.values())
    assert results.ratios(1) == []
