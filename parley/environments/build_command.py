"""Runs one command of a build: output line by line, its failure as one line, its end with ours."""

import asyncio
import os
import re
import signal
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from bot.environment import installer_environment
from bot.errors import ModelError

_COMPILING = re.compile(
    r"C(C|XX|PP)|(C|CXX|CPP|LD|CUDA)FLAGS|C(PLUS_INCLUDE_)?PATH|C_INCLUDE_PATH|LIBRARY_PATH"
    r"|PKG_CONFIG_PATH|CMAKE_.*|MKLROOT|TBBROOT|DNNLROOT|CCACHE_.*|VULKAN_SDK|INCLUDE|LIB|LIBPATH"
    r"|VC.*|VS.*|SDKROOT|MACOSX_DEPLOYMENT_TARGET"
)
"""Variables that compilers and CMake read, besides those of `installer_environment`."""


async def run_build(
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> None:
    """Run `command` with the variables that compilers and pip read, and with `environment`.
    `on_line` gets each line of its output. Raises ModelError, with the line that says why, where it
    fails.
    When it is cancelled, the command and all that it started is ended first."""
    kept = {name: value for name, value in os.environ.items() if _COMPILING.fullmatch(name)}
    variables = installer_environment(os.environ) | kept | dict(environment or {})
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=variables,
            start_new_session=True,  # so that its compilers can be ended with it
        )
    except OSError as exc:
        raise ModelError(f"{command[0]} cannot be started: {exc.strerror}.") from exc
    output: deque[str] = deque(maxlen=200)
    try:
        await _read(process, output, on_line)
        code = await process.wait()
    finally:
        if process.returncode is None:
            _kill(process)
            await process.wait()
    if code:
        shown = " ".join(command[:3])
        raise ModelError(f"{shown} … failed with exit code {code}: {_cause(output)}")


async def _read(
    process: asyncio.subprocess.Process,
    output: "deque[str]",
    on_line: Callable[[str], None] | None | None,
) -> None:
    """Read all lines. A line that is longer than the buffer is taken in parts."""
    assert process.stdout is not None
    rest = b""
    while data := await process.stdout.read(1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace").strip()
            if not text:
                continue
            output.append(text)
            if on_line is not None:
                on_line(text)
    if rest.strip():
        output.append(rest.decode("utf-8", "replace").strip())


def _kill(process: asyncio.subprocess.Process) -> None:
    if sys.platform == "win32":
        process.kill()
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        process.kill()


def _cause(output: Sequence[str]) -> str:
    """The first line that names an error, else the last one. Compilers write the cause first."""
    errors = (line for line in output if re.search(r"\berror\b", line, re.IGNORECASE))
    last = output[-1] if output else "it printed nothing"
    return next(errors, last)[:300]
