"""Asks the model's interpreter what it has, one library at a time."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

from bot import worker
from bot.generation.process import exit_text, worker_environment

SECONDS = 120.0
"""A first import of torch from a slow disk may take a minute."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device, as a library names it."""

    name: str
    title: str
    memory: int | None
    """Bytes of its own; None for a CPU."""
    driver: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one library finds."""

    library: str
    python: str = ""
    """The interpreter's version; "" where it cannot be started."""
    packages: dict[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    error: str = ""
    """Why it cannot be used; "" where it can."""


async def probe(library: str, python: str = "") -> Probe:
    """What `library` ("openvino" or "torch") finds under the interpreter `python`, "" for this
    one. Never raises: what goes wrong is the finding."""
    script = Path(worker.__file__).with_name("probe.py")
    try:
        process = await asyncio.create_subprocess_exec(
            python or sys.executable,
            "-X",
            "utf8",
            str(script),
            library,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=worker_environment(os.environ),
        )
    except OSError as exc:
        return Probe(library, error=f"{python} cannot be started ({exc.strerror})")
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    except TimeoutError:
        return Probe(library, error=f"it did nothing for {SECONDS:g} seconds")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _read(library, out, err, process.returncode)


def _read(library: str, out: bytes, err: bytes, code: int | None) -> Probe:
    """The last line that is JSON; what a library prints on its way stands before it."""
    lines = out.decode("utf-8", "replace").splitlines()
    try:
        facts = json.loads(lines[-1])
        devices = tuple(Device(**device) for device in facts["devices"])
        return Probe(library, facts["python"], facts["packages"], devices, facts["error"])
    except (LookupError, ValueError, TypeError):
        said = " ".join(err.decode("utf-8", "replace").split())[-200:]
        error = f"it ended at once ({exit_text(code)})" + (f": {said}" if said else "")
        return Probe(library, error=error)
