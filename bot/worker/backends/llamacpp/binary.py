"""Finds a llama-server, and out what it can do: its version, its options and its devices.

A binary that was built for another processor ends with an illegal instruction, and one that is too
old lacks options; both are found here, before a model is loaded.
"""

import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bot.worker.exit_text import exit_text
from bot.worker.protocol import LoadError

NAME = "llama-server"
SECONDS = 60.0
"""How long a query may take: a GPU's driver may compile or wake a card."""
INSTALL = "parley backend install llamacpp"
NEEDED = ("--host", "--api-key", "--parallel", "--fit", "--no-context-shift", "--list-devices")
"""Options without which a llama-server is too old. ``--fit`` came last, in December 2025."""

_OPTION = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
_DEVICE = re.compile(r"^\s+(\w+): (.*) \((\d+) MiB, (\d+) MiB free\)\s*$", re.MULTILINE)


class NoServer(LoadError):
    """There is no llama-server that can be used. One line with the remedy."""


@dataclass(frozen=True, slots=True)
class ServerDevice:
    """A GPU as llama.cpp sees it."""

    name: str
    """As llama.cpp names it: "Vulkan0", "SYCL0", "CUDA0"."""
    title: str
    """The product's name."""
    memory: int
    free: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Server:
    """A llama-server that runs here."""

    path: str
    version: str
    options: frozenset[str]
    """All options that it knows, with their dashes."""
    devices: tuple[ServerDevice, ...]
    """The GPUs that it was built for and finds."""


def find_server(configured: str) -> str:
    """The path of the llama-server to use: `configured` (``[model.llamacpp] server``, or the one
    that `parley backend install` built), else the one on the PATH. Raises NoServer."""
    if configured:
        if not Path(configured).is_file():
            raise NoServer(
                f"[model.llamacpp] server: there is no file {configured}; correct the path, or "
                f"leave it empty after: {INSTALL}"
            )
        return configured
    if (found := shutil.which(NAME)) is None:
        raise NoServer(
            f"no {NAME} was found, which runs GGUF files: build one with: {INSTALL}, or set "
            "[model.llamacpp] server to the path of yours"
        )
    return found


def inspect_server(path: str) -> Server:
    """What the llama-server at `path` can do. Starts it three times, without a model, and once for
    each process. Raises NoServer where it cannot be started, crashes or is too old."""
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError as exc:
        raise NoServer(f"{path} cannot be read: {exc.strerror}") from exc
    return _inspect(path, changed)


@lru_cache
def _inspect(path: str, changed: int) -> Server:  # noqa: ARG001  # another build is another key
    version = _version(_query(path, "--version"))
    options = frozenset(_OPTION.findall(_query(path, "--help")))
    missing = [option for option in NEEDED if option not in options]
    if "--host" in missing:
        raise NoServer(
            f"{path} is no {NAME}: correct [model.llamacpp] server, or leave it empty after: "
            f"{INSTALL}"
        )
    if missing:
        raise NoServer(
            f"{path} ({version}) is too old: it has no {missing[0]}. Update it, or build a newer "
            f"one with: {INSTALL}"
        )
    return Server(path, version, options, parse_devices(_query(path, "--list-devices")))


def parse_devices(output: str) -> tuple[ServerDevice, ...]:
    """The devices in what ``--list-devices`` prints."""
    return tuple(
        ServerDevice(name, title.strip(), int(total) << 20, int(free) << 20)
        for name, title, total, free in _DEVICE.findall(output)
        if int(total)  # BLAS, which has no memory of its own, is listed too
    )


def _version(output: str) -> str:
    """ "0.6.0-dev (build 11434, commit 1a2b3c4)", or "6123 (1a2b3c4)" of earlier builds."""
    found = re.search(r"^version: (.+)$", output, re.MULTILINE)
    return found[1].strip() if found else "unknown version"


def _query(path: str, option: str) -> str:
    """What the binary prints with this option, on either stream. Raises NoServer."""
    try:
        done = subprocess.run(  # noqa: S603 - the llama-server of the settings
            [path, option],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=SECONDS,
            check=False,
        )
    except OSError as exc:
        raise NoServer(
            f"{path} cannot be started ({exc.strerror}): correct [model.llamacpp] server, or build "
            f"one with: {INSTALL}"
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise NoServer(
            f"{path} {option} gave no answer within {SECONDS:g} seconds: check the GPU's driver"
        ) from exc
    if done.returncode:
        raise NoServer(_broken(path, done.returncode, done.stdout.decode("utf-8", "replace")))
    return done.stdout.decode("utf-8", "replace")


def _broken(path: str, code: int, output: str) -> str:
    """Why the binary does not run, with the remedy."""
    windows_illegal = 0xC000001D  # STATUS_ILLEGAL_INSTRUCTION, winnt.h
    if code in (-signal.SIGILL, windows_illegal, windows_illegal - (1 << 32)):
        return (
            f"{path} was built for another processor (illegal instruction): build one for this "
            f"machine with: {INSTALL}"
        )
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = f": {lines[-1][:200].rstrip('.')}" if lines else ""
    return f"{path} does not run here ({exit_text(code)}){said}. Build one with: {INSTALL}"
