"""What can run, and on which device."""

from dataclasses import replace

import pytest

from bot.checks import State
from bot.config import ModelSettings, Settings
from parley.doctor.backends import (
    check_choice,
    check_device,
    check_devices,
    check_library,
    check_note,
    check_server,
    check_speed,
    device_for,
)
from parley.doctor.interpreter import Device, Probe
from parley.doctor.resolve import Resolved

CPU = Device("CPU", "Some CPU", None)
INTEGRATED = Device("GPU.0", "Intel Graphics", 8_000_000_000, "25.1")
ARC = Device("GPU.1", "Intel Arc B580", 12_000_000_000, "25.1")
OPENVINO = Probe("openvino", "3.12.1", {"openvino": "2026.4"}, (CPU, INTEGRATED, ARC))
ON_CPU = Probe("openvino", "3.12.1", {"openvino": "2026.4"}, (CPU,))
TORCH = Probe(
    "torch",
    "3.12.1",
    {"torch": "2.13.0+xpu"},
    (Device("cpu", "Some CPU", None), Device("xpu:0", "Intel Arc B580", 12_000_000_000)),
)
IPEX = Probe("ipex", "3.11.7", {"ipex-llm": "2.3.0"}, TORCH.devices)
LLAMA = Probe(
    "llamacpp",
    "3.12.1",
    {"llama-server": "build 11434"},
    (ARC, CPU),
    server="/home/me/llama-server",
)
NO_TORCH = Probe("torch", "3.12.1", {}, (), "ModuleNotFoundError: No module named 'torch'")


@pytest.mark.parametrize(
    ("probe", "wanted", "name"),
    [
        (OPENVINO, "auto", "GPU.0"),
        (OPENVINO, "gpu", "GPU.0"),
        (OPENVINO, "gpu.1", "GPU.1"),
        (OPENVINO, "cpu", "CPU"),
        (OPENVINO, "xpu", None),
        (OPENVINO, "gpu.7", None),
        (ON_CPU, "auto", "CPU"),
        (ON_CPU, "gpu", None),
        (TORCH, "auto", "xpu:0"),
        (TORCH, "xpu", "xpu:0"),
        (IPEX, "auto", "xpu:0"),
        (TORCH, "cuda", None),
        (TORCH, "gpu", None),
        (LLAMA, "auto", "GPU.1"),
        (LLAMA, "gpu.1", "GPU.1"),
        (LLAMA, "cpu", "CPU"),
        (LLAMA, "xpu", None),
    ],
)
def test_the_device_that_the_settings_mean(probe: Probe, wanted: str, name: str | None) -> None:
    device = device_for(probe, wanted)
    assert (device.name if device else None) == name
    result = check_device(probe, ModelSettings(device=wanted))
    assert (result.state is State.FAILED) is (name is None)
    assert bool(result.remedy) is (result.state is not State.OK)


def test_a_gpu_that_is_not_there_names_what_is() -> None:
    result = check_device(ON_CPU, ModelSettings(device="gpu"))
    assert result.detail == "openvino has no such device; it has: cpu"


def test_a_library_that_is_missing_fails_only_where_it_is_chosen() -> None:
    other = check_library(NO_TORCH, ModelSettings())
    assert (other.state, other.remedy) == (State.SKIPPED, "")
    chosen = check_library(NO_TORCH, ModelSettings(backend="torch", python="/opt/py"))
    assert chosen.state is State.FAILED
    assert chosen.remedy.startswith("Run: /opt/py -m pip install")
    gone = Probe("torch", error="/opt/py cannot be started")
    assert "[model] python" in check_library(gone, ModelSettings(backend="torch")).remedy


def test_each_device_is_shown_with_its_memory_and_driver() -> None:
    shown = {result.what: result.detail for result in check_devices([OPENVINO, TORCH])}
    assert shown["openvino GPU.1"] == "Intel Arc B580, 12.0 GB, driver 25.1"
    assert shown["openvino CPU"] == "Some CPU"
    assert "torch xpu:0" in shown


def test_the_archived_back_end_names_what_to_move_to_where_it_is_chosen() -> None:
    assert check_library(IPEX, ModelSettings(backend="torch")).state is State.OK
    chosen = check_library(IPEX, ModelSettings(backend="ipex"))
    assert chosen.state is State.WARNING
    assert 'backend = "openvino"' in chosen.remedy
    missing = check_library(Probe("ipex", "3.11.7", {}, (), "no"), ModelSettings(backend="ipex"))
    assert missing.remedy.startswith("Run: parley backend install ipex")


def test_the_path_of_a_llama_server_is_shown_where_it_is_chosen_and_never_in_public_areas() -> None:
    chosen = ModelSettings(backend="llamacpp")
    assert check_library(LLAMA, chosen).detail == "llama-server build 11434, chosen"
    (shown,) = check_server(LLAMA, chosen)
    assert (shown.area, shown.detail) == ("Model", "/home/me/llama-server")
    assert check_server(LLAMA, ModelSettings(backend="openvino")) == []
    broken = replace(LLAMA, server="", error="/home/me/llama-server is too old")
    other = check_library(broken, ModelSettings(backend="openvino"))
    assert (other.state, other.detail) == (State.SKIPPED, "no llama-server that runs here")
    failed = check_library(broken, chosen)
    assert failed.state is State.FAILED
    assert failed.remedy == "Run: parley backend install llamacpp"


def test_what_auto_takes_is_said_with_its_reason() -> None:
    taken = Settings(model=ModelSettings(backend="torch"))
    result = check_choice(Resolved(taken, "torch finds an Intel GPU"), ModelSettings())
    assert (result.what, result.state) == ("[model] backend = auto", State.OK)
    assert result.detail == "uses torch: torch finds an Intel GPU"
    result = check_choice(Resolved(Settings(), error="it hung"), ModelSettings())
    assert (result.state, bool(result.remedy)) == (State.FAILED, True)
    damaged = Resolved(Settings(), error="a.gguf is incomplete", damaged=True)
    result = check_choice(damaged, ModelSettings())
    assert (result.state, result.remedy) == (State.FAILED, "See the line about the model below.")


def test_what_is_lost_with_the_backend_is_a_warning_with_its_remedy() -> None:
    used = Settings(model=ModelSettings(backend="openvino"))
    assert check_note(Resolved(used)) == []
    (said,) = check_note(Resolved(used, note="it rounds: install another"))
    assert (said.state, said.detail, said.remedy) == (
        State.WARNING,
        "it rounds",
        "Install another",
    )


def test_what_would_be_faster_is_said_on_a_cpu_alone() -> None:
    used = Settings(model=ModelSettings(backend="openvino", device="auto"))
    resolved = Resolved(used, "torch is not installed", advice="llama.cpp is faster: build it")
    (said,) = check_speed(resolved, [TORCH, ON_CPU, LLAMA])
    assert (said.what, said.state, said.detail) == ("speed", State.OK, resolved.advice)
    assert check_speed(resolved, [OPENVINO]) == []
    assert check_speed(resolved, [TORCH]) == []
    assert check_speed(replace(resolved, advice=""), [ON_CPU]) == []
