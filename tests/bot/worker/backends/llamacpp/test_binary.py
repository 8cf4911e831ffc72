"""Which llama-server is used, and why one is not."""

import signal
from pathlib import Path

import pytest

from bot.worker.backends.llamacpp.binary import NoServer, find_server, inspect_server
from bot.worker.backends.llamacpp.device import choose_device, is_integrated
from bot.worker.protocol import LoadError
from tests.fake_llama import HELP, write_fake_server

pytestmark = pytest.mark.process


def test_a_configured_server_comes_before_the_one_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "path").mkdir()
    own = write_fake_server(tmp_path / "own")
    on_path = write_fake_server(tmp_path / "path")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    assert find_server(own) == own
    assert find_server("") == on_path


def test_a_server_that_is_not_there_is_told_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoServer, match="build one with: parley backend install llamacpp, or set"):
        find_server("")
    with pytest.raises(NoServer, match=r"\[model.llamacpp\] server: there is no file /no/such"):
        find_server("/no/such")


def test_version_options_and_devices_are_read(tmp_path: Path) -> None:
    devices = [
        "  BLAS: OpenBLAS (0 MiB, 0 MiB free)",
        "  Vulkan0: Intel(R) UHD Graphics 770 (RPL-S) (31000 MiB, 30000 MiB free)",
        "  Vulkan1: Intel(R) Arc(tm) B580 Graphics (BMG G21) (12216 MiB, 11000 MiB free)",
    ]
    server = inspect_server(write_fake_server(tmp_path, devices=devices))
    assert server.version == "0.6.0-dev (build 11434, commit 1a2b3c4)"
    assert "--no-context-shift" in server.options
    assert "-np" in server.options
    uhd, arc = server.devices
    assert (arc.name, arc.title) == ("Vulkan1", "Intel(R) Arc(tm) B580 Graphics (BMG G21)")
    assert (arc.memory, arc.free) == (12216 << 20, 11000 << 20)
    assert is_integrated(uhd)
    assert not is_integrated(arc)
    assert choose_device(server, "auto").gpu == arc
    assert choose_device(server, "gpu").gpu == arc
    assert choose_device(server, "gpu.0").gpu == uhd
    assert choose_device(server, "cpu").gpu is None
    with pytest.raises(LoadError, match=r'no such device; it has "cpu", "gpu.0", "gpu.1"$'):
        choose_device(server, "gpu.2")
    with pytest.raises(LoadError, match='devices of backend = "torch"'):
        choose_device(server, "xpu")


def test_without_a_gpu_auto_is_the_cpu_and_gpu_names_the_build_that_has_one(tmp_path: Path) -> None:
    server = inspect_server(write_fake_server(tmp_path))
    assert choose_device(server, "auto").title == "CPU"
    with pytest.raises(LoadError, match="install llamacpp --gpu vulkan"):
        choose_device(server, "gpu")


@pytest.mark.parametrize(
    ("title", "integrated"),
    [
        ("Intel(R) Arc(TM) A770 Graphics (DG2)", False),
        ("Intel(R) Arc(TM) Pro B60 Graphics", False),
        ("Intel(R) Arc(TM) Graphics (MTL)", True),
        ("Intel(R) Iris(R) Xe Graphics", True),
        ("Intel(R) Graphics", True),
        ("NVIDIA GeForce RTX 3060", False),
    ],
)
def test_integrated_gpus_are_known_by_their_names(title: str, integrated: bool) -> None:
    from bot.worker.backends.llamacpp.binary import ServerDevice

    assert is_integrated(ServerDevice("Vulkan0", title, 1, 1)) is integrated


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        ({"signal": int(signal.SIGILL)}, "was built for another processor (illegal instruction)"),
        ({"signal": int(signal.SIGABRT)}, "does not run here (killed by SIGABRT)"),
        ({"help": HELP.replace("--fit", "")}, "is too old: it has no --fit"),
        ({"help": "usage: true [ignored]"}, "is no llama-server: correct [model.llamacpp] server"),
    ],
)
def test_a_server_that_cannot_run_here_is_told_in_one_line(
    tmp_path: Path, behaviour: dict[str, object], said: str
) -> None:
    with pytest.raises(NoServer) as caught:
        inspect_server(write_fake_server(tmp_path, **behaviour))
    assert said in str(caught.value)
    assert "parley backend install llamacpp" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_program_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "llama-server"
    path.write_text("not a program")
    with pytest.raises(NoServer, match="cannot be started"):
        inspect_server(str(path))
