"""The parent's side of the process in which a chat template is rendered.

One process serves one template for as long as it lives. It is started with the first request and
again after it exceeded a limit, and ended when its owner is collected or the program exits.
"""

import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.environment import worker_environment

CPU_SECONDS = 5
"""CPU time that one rendering may take; it takes some milliseconds."""
PATIENCE = 60.0
"""Seconds after which the process is killed wherever the system does not limit its CPU time."""
MEMORY = 512 << 20
"""Bytes of address space that it may take, on systems that can limit it."""
LONGEST_ANSWER = 64 << 20
"""Bytes of JSON that are read of it: the longest rendering has up to twelve for a character."""

_SCRIPT = Path(__file__).with_name("template_process.py")


class TemplateFault(Exception):
    """The template cannot be compiled, or its process failed. The message is for the operator."""


class TemplateWorker:
    """The process of one template. Not thread-safe."""

    def __init__(self, source: str, special_tokens: Mapping[str, str]) -> None:
        self._first = {"source": source, "special_tokens": dict(special_tokens)}
        self._process: subprocess.Popen[bytes] | None = None
        self._end: weakref.finalize[..., Any] | None = None

    def start(self) -> None:
        """Compile the template, where no process is running. Raises TemplateFault."""
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        try:
            self._process = _start()
        except OSError as exc:
            raise TemplateFault(f"its process cannot be started: {exc.strerror}") from exc
        self._end = weakref.finalize(self, _stop, self._process)
        compiled = self._ask(self._first | {"seconds": CPU_SECONDS, "bytes": MEMORY})
        if "broken" in compiled:
            self.close()
            line = f", line {compiled['line']}" if "line" in compiled else ""
            raise TemplateFault(f"{compiled['broken']}{line}")

    def render(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to one request; see `bot.prompting.template_process` for both. Blocks. Raises
        TemplateFault where the process fails or exceeds a limit."""
        self.start()
        return self._ask(request)

    def close(self) -> None:
        """End the process. A later request starts another one."""
        if self._end is not None:
            self._end()
        self._process = self._end = None

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Event()
        watchdog = threading.Timer(PATIENCE, _kill, [process, late])
        watchdog.daemon = True
        watchdog.start()
        try:
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline(LONGEST_ANSWER)
        except OSError:
            line = b""
        finally:
            watchdog.cancel()
        if line.endswith(b"\n"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        if len(line) == LONGEST_ANSWER:
            self.close()
            raise TemplateFault(f"it writes more than {LONGEST_ANSWER >> 20} MB")
        code = process.wait()
        self.close()
        raise TemplateFault(_failure(code, late=late.is_set()))


def _start() -> "subprocess.Popen[bytes]":
    paths = {_folder_of(package) for package in ("jinja2", "markupsafe", "bot")}
    return subprocess.Popen(  # noqa: S603 - Parley's own script
        [sys.executable, "-S", "-P", "-X", "utf8", str(_SCRIPT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=worker_environment(os.environ) | {"PYTHONPATH": os.pathsep.join(sorted(paths))},
    )


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            _close(pipe)


def _close(pipe: Any) -> None:
    with contextlib.suppress(OSError):  # what was not yet written is lost with the process
        pipe.close()


def _kill(process: "subprocess.Popen[bytes]", late: threading.Event) -> None:
    late.set()
    process.kill()


def _folder_of(package: str) -> str:
    """The folder that contains the package, without importing it."""
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parents[1])


def _failure(code: int, *, late: bool) -> str:
    if late:
        return f"it takes longer than {PATIENCE:g} seconds"
    if code == -getattr(signal, "SIGXCPU", 0):
        return f"it takes longer than {CPU_SECONDS} seconds"
    return f"its process ended with exit code {code}"
