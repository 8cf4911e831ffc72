"""How ipex-llm is asked for a model. The library here is a fake that records calls."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bot.worker.backends.ipex import backend as ipex
from bot.worker.backends.ipex.model import choose_ipex_device, import_ipex, load_model
from bot.worker.protocol import LoadError, LoadOptions
from tests.bot.worker.backends.backend_bench import silent
from tests.tiny_model import write_tiny_model


class Model:
    def __init__(self, calls: list[Any]) -> None:
        self._note = calls.append

    def half(self) -> "Model":
        self._note("half")
        return self

    def to(self, where: str) -> "Model":
        self._note(where)
        return self

    def eval(self) -> "Model":
        return self

    def save_low_bit(self, folder: str) -> None:
        (Path(folder) / "pytorch_model.bin").write_bytes(b"weights")
        (Path(folder) / "load_keys.json").write_text("{}")


def library(calls: list[Any]) -> Any:
    def noting(name: str) -> Callable[..., Model]:
        def call(folder: str, **keywords: Any) -> Model:
            calls.append((name, keywords))
            return Model(calls)

        return call

    loader = SimpleNamespace(
        from_pretrained=noting("from_pretrained"), load_low_bit=noting("load_low_bit")
    )
    return SimpleNamespace(AutoModelForCausalLM=loader)


def torch_with(*, xpu: bool) -> Any:
    missing = SimpleNamespace(is_available=lambda: False)
    there = SimpleNamespace(is_available=lambda: True, device_count=lambda: 1)
    return SimpleNamespace(xpu=there if xpu else missing, cuda=there, bfloat16="bfloat16")


@pytest.fixture
def options(tmp_path: Path) -> LoadOptions:
    model = write_tiny_model(tmp_path / "tiny")
    cache = str(tmp_path / "cache")
    return LoadOptions("ipex", str(model), cpu_embedding=True, cache_dir=cache)


def load(options: LoadOptions, device: str, low_bit: str) -> list[Any]:
    calls: list[Any] = []
    load_model(library(calls), torch_with(xpu=True), options, device, low_bit, silent)
    return calls


def test_the_first_load_converts_and_the_next_takes_what_was_saved(options: LoadOptions) -> None:
    (name, keywords), *moves = load(options, "xpu:0", "sym_int8")
    assert (name, keywords["load_in_low_bit"]) == ("from_pretrained", "sym_int8")
    assert keywords["cpu_embedding"] is True
    assert keywords["optimize_model"] is True
    assert moves == ["half", "xpu:0"]
    (name, keywords), *moves = load(options, "xpu:0", "sym_int8")
    assert name == "load_low_bit"
    assert keywords == {"cpu_embedding": True, "optimize_model": True}
    assert moves == ["half", "xpu:0"]
    assert load(options, "xpu", "nf4")[0][0] == "from_pretrained"
    plain = replace(options, optimize_model=False)
    assert load(plain, "xpu", "sym_int8")[0][0] == "from_pretrained"


def test_four_bits_are_asked_for_by_their_own_name(options: LoadOptions) -> None:
    (_, keywords), *_ = load(options, "cpu", "sym_int4")
    assert keywords["load_in_4bit"] is True


def test_bfloat16_stays_bfloat16_on_a_gpu_and_nothing_moves_on_a_cpu(options: LoadOptions) -> None:
    assert load(options, "xpu", "bf16")[1:] == ["bfloat16", "xpu"]
    assert load(options, "cpu", "sym_int8")[1:] == []


def test_an_intel_gpu_is_taken_and_no_other() -> None:
    assert choose_ipex_device(torch_with(xpu=True), "auto") == "xpu"
    assert choose_ipex_device(torch_with(xpu=False), "auto") == "cpu"
    with pytest.raises(LoadError, match='device = "cuda" is not for backend = "ipex"'):
        choose_ipex_device(torch_with(xpu=True), "cuda")
    with pytest.raises(LoadError, match="no such device here"):
        choose_ipex_device(torch_with(xpu=False), "xpu")


def test_without_ipex_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr("os.environ", {})
    with pytest.raises(LoadError, match="parley backend install ipex"):
        import_ipex()


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("xpu", "Warming up; on a GPU the first run compiles, which takes minutes"),
        ("cpu", "Warming up"),
    ],
)
def test_the_warm_up_says_that_a_gpu_compiles(
    options: LoadOptions, monkeypatch: pytest.MonkeyPatch, device: str, said: str
) -> None:
    pytest.importorskip("torch")  # for the sampling
    steps: list[str] = []
    monkeypatch.setattr(ipex, "import_ipex", lambda: (torch_with(xpu=True), library([])))
    monkeypatch.setattr(ipex, "device_title", lambda torch, device: device)
    monkeypatch.setattr(ipex.IpexBackend, "_size_caches", lambda self, options: None)
    monkeypatch.setattr(ipex.IpexBackend, "_warm_up", lambda self: steps.append("warm"))
    facts = ipex.create().load(
        replace(options, device=device), lambda what, done, total: steps.append(what)
    )
    assert steps[-2:] == [said, "warm"]
    assert facts.low_bit == "sym_int8"
