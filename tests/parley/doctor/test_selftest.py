"""The self-test notices a device that computes something else."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot.config import LlamaCppSettings, Settings, load
from bot.errors import ConfigError, ModelError
from parley.doctor import selftest as selftesting
from parley.doctor.selftest import CLOSE, SIMILAR, SelfTest, run_selftest


def on_cpu(folder: Path, backend: str = "openvino") -> Settings:
    file = folder / "config.toml"
    file.write_text("")
    environment = {
        "PARLEY_MODEL__BACKEND": backend,
        "PARLEY_MODEL__DEVICE": "cpu",
        "PARLEY_MODEL__CACHE_DIR": str(folder / "cache"),
    }
    return load(file, environment)


@pytest.mark.process
async def test_a_back_end_that_chooses_other_tokens_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await run_selftest(on_cpu(tmp_path))
    assert found.passed
    ask = selftesting._ask

    async def wrong(*arguments: Any) -> Any:
        written = await ask(*arguments)
        middle = len(written.answer) // 2
        ids = [*written.answer[:middle], written.answer[middle] ^ 1, *written.answer[middle + 1 :]]
        return replace(written, answer=ids)

    monkeypatch.setattr(selftesting, "_ask", wrong)
    other = await run_selftest(on_cpu(tmp_path))
    assert not other.passed
    assert other.worst_gap > CLOSE
    assert other.same_tokens < found.same_tokens


def test_other_logits_fail_and_rounding_does_not() -> None:
    well = SelfTest(
        "openvino", "", "GPU", "fp16", 1, 0.1, 50, 100, 99, 0.01, 200, 199, 0.02, 0.99999
    )
    assert well.passed
    assert not replace(well, similarity=SIMILAR - 0.01).passed
    assert not replace(well, worst_gap=CLOSE * 2).passed


async def test_where_no_model_runs_nothing_can_be_tested(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='backend = "openai" runs no model on this machine'):
        await run_selftest(on_cpu(tmp_path, "openai"))


@pytest.mark.process
async def test_torch_is_tested_as_openvino_is(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    found = await run_selftest(on_cpu(tmp_path, "torch"))
    assert found.passed
    assert (found.backend, found.low_bit, found.device) == ("torch", "fp16", "cpu")
    assert found.positions > found.tokens > 10


@pytest.mark.process
async def test_auto_tests_what_a_start_would_take(tmp_path: Path) -> None:
    found = await run_selftest(on_cpu(tmp_path, "auto"))
    assert (found.backend, found.reason) == ("openvino", '[model] device = "cpu"')


@pytest.mark.process
async def test_an_interpreter_that_cannot_be_asked_is_one_line(tmp_path: Path) -> None:
    settings = on_cpu(tmp_path, "auto")
    section = settings.model.model_copy(update={"python": "/no/python", "device": "auto"})
    with pytest.raises(ModelError, match="no backend can be chosen: /no/python cannot be started"):
        await run_selftest(settings.model_copy(update={"model": section}))


@pytest.mark.process
@pytest.mark.skipif(
    not os.environ.get("PARLEY_TEST_LLAMA_SERVER"), reason="no llama-server is named"
)
async def test_llama_cpp_computes_what_openvino_does(tmp_path: Path) -> None:
    section = LlamaCppSettings(server=os.environ["PARLEY_TEST_LLAMA_SERVER"])
    settings = on_cpu(tmp_path, "llamacpp")
    model = settings.model.model_copy(update={"llamacpp": section})
    found = await run_selftest(settings.model_copy(update={"model": model}))
    assert found.passed
    assert (found.backend, found.low_bit, found.device) == ("llamacpp", "F16", "CPU")
    assert found.positions > found.tokens > 10
