"""Which backend "auto" chooses."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from gguf import GGUFWriter

from bot.worker.backends import choose, engine_choice
from bot.worker.backends.choose import Installed, choose_backend, may_support_xpu
from bot.worker.backends.engine_choice import Processor, Speed
from bot.worker.backends.openvino.library import LANGUAGE_FILE, MODEL_FILE
from bot.worker.protocol import LoadError, LoadOptions
from tests.fake_llama import write_fake_server
from tests.tiny_gguf import write_gguf
from tests.tiny_model import write_tiny_model

ALL = Installed(ipex=True, torch=True, xpu=True)


@pytest.mark.parametrize(
    ("found", "backend", "reason"),
    [
        (ALL, "ipex", "ipex-llm is installed and finds an Intel GPU"),
        (Installed(torch=True, xpu=True), "torch", "torch finds an Intel GPU"),
        (Installed(ipex=True, torch=True), "openvino", "torch finds no Intel GPU"),
        (Installed(torch=True), "openvino", "torch finds no Intel GPU"),
        (Installed(), "openvino", "torch is not installed"),
    ],
)
def test_the_first_that_is_there_is_taken(found: Installed, backend: str, reason: str) -> None:
    choice = choose_backend(LoadOptions("auto"), lambda: found)
    assert choice.backend == backend
    assert choice.reason.startswith(reason)


@pytest.mark.parametrize(
    ("device", "backend"),
    [("cpu", "openvino"), ("gpu.1", "openvino"), ("cuda:1", "torch"), ("xpu", "ipex")],
)
def test_a_device_in_the_settings_decides(device: str, backend: str) -> None:
    assert choose_backend(LoadOptions("auto", device=device), lambda: ALL).backend == backend


def test_a_quantization_that_ipex_lacks_goes_to_torch() -> None:
    choice = choose_backend(LoadOptions("auto", low_bit="fp32"), lambda: ALL)
    assert choice.backend == "torch"
    assert choice.reason.endswith('ipex-llm has no low_bit = "fp32"')


@pytest.mark.parametrize("file", [MODEL_FILE, LANGUAGE_FILE])
def test_a_model_in_openvinos_format_goes_to_openvino(tmp_path: Path, file: str) -> None:
    (tmp_path / file).touch()
    choice = choose_backend(LoadOptions("auto", model=str(tmp_path)), lambda: ALL)
    assert choice.backend == "openvino"


def test_a_torch_that_cannot_support_intel_gpus_is_not_imported_to_ask() -> None:
    assert [v for v in ("2.13.0", "2.13.0+cpu", "2.8.0+cu129") if may_support_xpu(v)] == []
    assert may_support_xpu("2.8.0+xpu")
    assert may_support_xpu("2.9.0a0+git1a2b3c4")


def gguf(folder: Path, architecture: str) -> str:
    writer = GGUFWriter(folder / "m.gguf", architecture)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return str(folder / "m.gguf")


needs_a_script = pytest.mark.skipif(
    sys.platform == "win32", reason="the fake server is a script with #!"
)
ARC = "  Vulkan0: Intel(R) Arc(TM) B580 Graphics (12216 MiB, 11000 MiB free)"


@pytest.mark.process
@needs_a_script
@pytest.mark.parametrize("device", ["auto", "gpu"])
def test_a_gguf_file_goes_to_llama_cpp_on_a_gpu(tmp_path: Path, device: str) -> None:
    server = write_fake_server(tmp_path, devices=[ARC])
    model = gguf(tmp_path, "qwen35")
    choice = choose_backend(LoadOptions("auto", model=model, server=server, device=device))
    assert choice.backend == "llamacpp"
    assert choice.reason.startswith("the model is a GGUF file, and a llama-server is there")


@pytest.mark.process
@needs_a_script
@pytest.mark.parametrize(("device", "devices"), [("auto", []), ("cpu", []), ("cpu", [ARC])])
def test_on_a_cpu_the_processor_decides_about_a_gguf_file(
    tmp_path: Path, device: str, devices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {"openvino": Speed(30, 90, 90), "llamacpp": Speed(20, 60, 50)}
    row = Processor("Z80", frozenset({"z80"}), frozenset(), {8: speeds})
    monkeypatch.setattr(engine_choice, "MEASURED", (row,))
    monkeypatch.setattr(choose, "GGUF_BITS", {"F16": 8})  # the type of the file's tensors
    options = LoadOptions(
        "auto",
        model=str(write_gguf(tmp_path / "m.gguf")),
        server=write_fake_server(tmp_path, devices=devices),
        device=device,
    )
    choice = choose_backend(options, features=lambda: ("z80",))
    assert (choice.backend, choice.advice) == ("openvino", "")
    assert choice.reason.startswith("on processors with Z80 OpenVINO answers 1.6 times")
    assert choose_backend(options, features=lambda: None).backend == "llamacpp"
    one = replace(options, max_parallel=1)
    assert "answers 1.6 times" in choose_backend(one, features=lambda: ("z80",)).reason
    set_up = replace(options, arguments=("--threads", "4"))
    choice = choose_backend(set_up, features=lambda: ("z80",))
    assert (choice.backend, choice.reason) == ("llamacpp", "[model.llamacpp] arguments are set")


@pytest.mark.process
@needs_a_script
def test_a_gguf_file_that_openvino_would_compute_wrongly_goes_to_llama_cpp(tmp_path: Path) -> None:
    server = write_fake_server(tmp_path)
    model = gguf(tmp_path, "qwen35")
    choice = choose_backend(LoadOptions("auto", model=model, server=server, device="cpu"))
    assert choice.backend == "llamacpp"
    assert choice.reason == "OpenVINO does not run this GGUF file"


@pytest.mark.parametrize("device", ["auto", "cpu", "gpu"])
def test_a_folder_that_llama_cpp_would_run_faster_is_told_so_except_on_a_gpu(
    tmp_path: Path, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = {"openvino": Speed(10, 20, 50), "llamacpp": Speed(20, 40, 50)}
    row = Processor("Z80", frozenset({"z80"}), frozenset(), {4: speeds})
    monkeypatch.setattr(engine_choice, "MEASURED", (row,))
    monkeypatch.setenv("PATH", str(tmp_path))
    write_tiny_model(tmp_path)
    options = LoadOptions("auto", model=str(tmp_path), device=device, low_bit="sym_int4")
    choice = choose_backend(options, Installed, features=lambda: ("z80",))
    assert choice.backend == "openvino"
    assert ("parley backend install llamacpp" in choice.advice) is (device != "gpu")
    small = replace(options, low_bit="auto")  # 16 bits
    assert choose_backend(small, Installed, features=lambda: ("z80",)).advice == ""


def test_without_a_llama_server_openvino_takes_the_gguf_files_that_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    model = write_gguf(tmp_path / "m.gguf")
    choice = choose_backend(LoadOptions("auto", model=str(model)))
    assert choice.backend == "openvino"
    assert "no llama-server was found" in choice.reason


@pytest.mark.parametrize(
    ("architecture", "values", "why"),
    [
        ("gemma4", {}, "its architecture is 'gemma4', and OpenVINO reads llama, qwen2, qwen3"),
        ("llama", {"llama.rope.scaling.type": "yarn"}, "it scales RoPE"),
        ("qwen3", {"qwen3.attention.sliding_window": 4096}, "it has a sliding window"),
    ],
)
def test_and_refuses_those_that_it_would_compute_wrongly(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    architecture: str,
    values: dict[str, Any],
    why: str,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    model = write_gguf(tmp_path / "m.gguf", architecture=architecture, values=values)
    with pytest.raises(LoadError) as refused:
        choose_backend(LoadOptions("auto", model=str(model)))
    assert "build one with: parley backend install llamacpp, or set" in str(refused.value)
    assert f"OpenVINO cannot run this GGUF file ({why}" in str(refused.value)
