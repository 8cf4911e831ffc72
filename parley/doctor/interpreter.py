"""Runs the worker's commands in the model's Python interpreter, to find out what it has.

Parley's own process imports no library that runs models. Each query is a process of its own.
"""

import os
from asyncio.subprocess import PIPE
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from bot.environment import worker_environment
from bot.generation.process import WORKER
from parley.python_process import ProcessFailed, result_of

TIMEOUT = 120.0
"""Seconds for a query that loads no model. A first import of torch from a slow disk may take a
minute."""


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
    query = ("llamacpp", server) if library == "llamacpp" else ("probe", library)
    try:
        facts = await run_command(*query, python=python, passed_on=passed_on, timeout=TIMEOUT)
        devices = tuple(Device(**device) for device in facts["devices"])
        return Probe(
            library,
            facts["python"],
            facts["packages"],
            devices,
            facts["error"],
            facts.get("server", ""),
        )
    except (ProcessFailed, LookupError, TypeError) as exc:
        return Probe(library, error=str(exc))


async def run_command(
    command: str,
    *arguments: str,
    python: str = "",
    passed_on: Collection[str] = (),
    request: Any = None,
    timeout: float | None = None,
) -> dict[str, Any]:
    """Run one of the worker's commands (`bot.worker.__main__`) under the interpreter `python` (""
    for this one), with `request` as JSON on its standard input, and return the JSON object in its
    last line of output. It gets the worker's environment (`bot.environment.worker_environment`)
    with the variables `passed_on`. `timeout` is in seconds; None waits for ever. Raises
    ProcessFailed where there is no such object."""
    facts = await result_of(
        WORKER,
        command,
        *arguments,
        python=python,
        environment=worker_environment(os.environ, passed_on),
        request=request,
        seconds=timeout,
        stderr=PIPE,
    )
    if not isinstance(facts, dict) or "error" not in facts:  # every command's result has that field
        raise ProcessFailed("the process ended without a result (exit code 0)")
    return facts
