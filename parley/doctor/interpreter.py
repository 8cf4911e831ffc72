"""Runs the worker's scripts in the model's Python interpreter, to find out what it has.

Parley's own process imports no library that runs models. Each query is a process of its own.
"""

import asyncio
import json
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot import worker
from bot.environment import worker_environment
from bot.generation.process import exit_text

TIMEOUT = 120.0
"""Seconds for a query that loads no model. A first import of torch from a slow disk may take a
minute."""


class QueryFailed(Exception):
    """A script gave no result: the reason, in one line."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device that a library can compute on."""

    name: str
    """As the library names it: "GPU.0", "xpu:0", "cpu"."""
    title: str
    """The product's name."""
    memory: int | None
    """Bytes of memory that the device has; None for a CPU."""
    driver: str = ""
    shared: bool = False
    """The memory is the machine's own, as with integrated graphics. False if unknown."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one backend has under the model's interpreter."""

    library: str
    """The backend: "openvino", "torch", "ipex" or "llamacpp"."""
    python: str = ""
    """The interpreter's version; "" where it cannot be started."""
    packages: dict[str, str] = field(default_factory=dict)
    """Versions by distribution."""
    devices: tuple[Device, ...] = ()
    error: str = ""
    """Why the backend cannot be used; "" where it can."""
    server: str = ""
    """Of llamacpp: the path of the llama-server."""


async def probe(
    library: str, python: str = "", passed_on: Collection[str] = (), *, server: str = ""
) -> Probe:
    """The packages and devices of the backend `library` ("openvino", "torch", "ipex" or "llamacpp")
    under the interpreter `python`, "" for this one, in the worker's environment with the variables
    `passed_on`. `server` is the path of the llama-server, "" for the one on the PATH. Never raises:
    a failure is in `Probe.error`."""
    query = ("__main__.py", library, server) if library == "llamacpp" else ("probe.py", library)
    try:
        facts = await run_script(*query, python=python, passed_on=passed_on, timeout=TIMEOUT)
        devices = tuple(Device(**device) for device in facts["devices"])
        return Probe(
            library,
            facts["python"],
            facts["packages"],
            devices,
            facts["error"],
            facts.get("server", ""),
        )
    except (QueryFailed, LookupError, TypeError) as exc:
        return Probe(library, error=str(exc))


async def run_script(
    script: str,
    *arguments: str,
    python: str = "",
    passed_on: Collection[str] = (),
    request: bytes = b"",
    timeout: float | None = None,
) -> dict[str, Any]:
    """Run ``bot/worker/<script>`` under the interpreter `python` ("" for this one), with `request`
    on its standard input, and return the JSON object in its last line of output. It gets the
    worker's environment (`bot.environment.worker_environment`) with the variables `passed_on`.
    `timeout` is in seconds; None waits for ever. Raises QueryFailed where there is no such object.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            python or sys.executable,
            "-X",
            "utf8",
            str(Path(worker.__file__).with_name(script)),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=worker_environment(os.environ, passed_on),
        )
    except OSError as exc:
        raise QueryFailed(f"{python} cannot be started ({exc.strerror})") from exc
    try:
        async with asyncio.timeout(timeout):
            out, err = await process.communicate(request)
    except TimeoutError as exc:
        raise QueryFailed(f"no result within {timeout:g} seconds") from exc
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _parsed(out, err, process.returncode)


def _parsed(out: bytes, err: bytes, code: int | None) -> dict[str, Any]:
    """The JSON in the last line; libraries may print other lines before it."""
    try:
        facts = json.loads(out.decode("utf-8", "replace").splitlines()[-1])
        facts["error"]  # the field that every script's result has
    except (LookupError, ValueError, TypeError) as exc:
        output = " ".join(err.decode("utf-8", "replace").split())[-300:]
        error = f"the process ended without a result ({exit_text(code)})"
        raise QueryFailed(error + (f": {output}" if output else "")) from exc
    return dict(facts)
