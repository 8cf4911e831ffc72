"""Queries to the model's interpreter, also where it is broken."""

import stat
import sys
from pathlib import Path

import pytest

from parley.doctor import interpreter as queries
from parley.doctor.interpreter import probe
from tests.fake_gpu import interpreter_with_gpu
from tests.fake_llama import write_fake_server

pytestmark = pytest.mark.process


def interpreter(folder: Path, script: str) -> str:
    """A program that is called as Python would be."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


async def test_openvino_tells_its_devices() -> None:
    found = await probe("openvino")
    assert found.error == ""
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert "openvino-genai" in found.packages
    assert [device.name for device in found.devices if device.name == "CPU"] == ["CPU"]


async def test_a_library_that_is_missing_is_a_finding(tmp_path: Path) -> None:
    bare = interpreter(tmp_path, f'exec "{sys.executable}" -S "$@"')  # -S: no site-packages
    found = await probe("torch", bare)
    assert "No module named 'torch'" in found.error
    assert found.python
    assert found.devices == ()


async def test_torch_and_ipex_tell_theirs(tmp_path: Path) -> None:
    python = interpreter_with_gpu(tmp_path, ipex=True)
    for library in ("torch", "ipex"):
        found = await probe(library, python)
        assert found.error == ""
        assert [device.name for device in found.devices] == ["cpu", "xpu:0"]
        assert found.devices[1].memory == 12_000_000_000
    assert found.packages["ipex-llm"] == "2.3.0b20251110"


async def test_a_transformers_that_is_too_old_for_torch_is_a_finding(tmp_path: Path) -> None:
    python = interpreter_with_gpu(tmp_path)
    (tmp_path / "packages" / "transformers" / "__init__.py").write_text("__version__ = '4.37.0'")
    assert "transformers 4.37.0 is installed, and 5 is" in (await probe("torch", python)).error
    assert (await probe("ipex", python)).error.endswith("No module named 'ipex_llm'")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
async def test_a_llama_server_tells_its_version_and_its_devices(tmp_path: Path) -> None:
    devices = ["  Vulkan0: Intel(R) Arc(TM) B580 Graphics (12216 MiB, 11000 MiB free)"]
    server = write_fake_server(tmp_path, devices=devices)
    found = await probe("llamacpp", server=server)
    assert (found.error, found.server) == ("", server)
    assert found.packages["llama-server"].startswith("0.6.0-dev (build 11434")
    gpu, cpu = found.devices
    assert (gpu.name, gpu.memory, gpu.shared) == ("GPU.0", 12216 << 20, False)
    assert gpu.title == "Intel(R) Arc(TM) B580 Graphics (Vulkan0)"
    assert (cpu.name, cpu.memory) == ("CPU", None)
    broken = await probe("llamacpp", server="/no/llama-server")
    assert "there is no file /no/llama-server" in broken.error
    assert (broken.devices, broken.server) == ((), "")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("echo undefined symbol: zeInit >&2; exit 127", "exit code 127): undefined symbol"),
        ("echo hello", "exit code 0"),
        ("echo '{}'", "exit code 0"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
async def test_a_library_that_crashes_takes_nobody_with_it(
    tmp_path: Path, script: str, said: str
) -> None:
    found = await probe("openvino", interpreter(tmp_path, script))
    assert said in found.error


async def test_an_interpreter_that_is_not_there_is_a_finding() -> None:
    found = await probe("openvino", "/no/python")
    assert found.error == "/no/python cannot be started (No such file or directory)"


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
async def test_a_library_that_hangs_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "TIMEOUT", 0.1)
    found = await probe("openvino", interpreter(tmp_path, "exec sleep 600"))
    assert "no result within 0.1 seconds" in found.error
