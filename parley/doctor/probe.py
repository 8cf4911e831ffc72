"""Asks the model's interpreter what it has, one back end at a time."""

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

SECONDS = 120.0
"""A first import of torch from a slow disk may take a minute."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device, as a library names it."""

    name: str
    title: str
    memory: int | None
    """Bytes that it may use; None for a CPU."""
    driver: str = ""
    shared: bool = False
    """They are the machine's own: others use them too. False where nobody tells."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What one back end finds."""

    library: str
    python: str = ""
    """The interpreter's version; "" where it cannot be started."""
    packages: dict[str, str] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()
    error: str = ""
    """Why it cannot be used; "" where it can."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What `bot.worker.choice` says of ``backend = "auto"``."""

    backend: str = ""
    reason: str = ""
    error: str = ""
    """Why it cannot be told; "" where it can."""


class _Mute(Exception):
    """The interpreter did not say what was asked: why, in one line."""


async def probe(library: str, python: str = "", passed_on: Collection[str] = ()) -> Probe:
    """What the back end `library` ("openvino", "torch" or "ipex") finds under the interpreter
    `python`, "" for this one, in the worker's environment with the variables `passed_on`. Never
    raises: what goes wrong is the finding."""
    try:
        facts = await _asked(python, passed_on, "probe.py", library)
        devices = tuple(Device(**device) for device in facts["devices"])
        return Probe(library, facts["python"], facts["packages"], devices, facts["error"])
    except (_Mute, LookupError, TypeError) as exc:
        return Probe(library, error=str(exc))


async def choose(
    options: dict[str, str], python: str = "", passed_on: Collection[str] = ()
) -> Choice:
    """What the worker under `python` would take for ``backend = "auto"``, with `options` as
    `bot.worker.choice` has them; `passed_on` as for `probe`. Never raises."""
    try:
        asked = _asked(python, passed_on, "__main__.py", "choose", json.dumps(options))
        return Choice(**await asked)
    except (_Mute, TypeError) as exc:
        return Choice(error=str(exc))


async def _asked(
    python: str, passed_on: Collection[str], script: str, *arguments: str
) -> dict[str, Any]:
    """The JSON object that a script of the worker's says last. Raises _Mute."""
    try:
        process = await asyncio.create_subprocess_exec(
            python or sys.executable,
            "-X",
            "utf8",
            str(Path(worker.__file__).with_name(script)),
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=worker_environment(os.environ, passed_on),
        )
    except OSError as exc:
        raise _Mute(f"{python} cannot be started ({exc.strerror})") from exc
    try:
        async with asyncio.timeout(SECONDS):
            out, err = await process.communicate()
    except TimeoutError as exc:
        raise _Mute(f"it did nothing for {SECONDS:g} seconds") from exc
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return _read(out, err, process.returncode)


def _read(out: bytes, err: bytes, code: int | None) -> dict[str, Any]:
    """The last line, which is JSON; what a library prints on its way stands before it."""
    try:
        facts = json.loads(out.decode("utf-8", "replace").splitlines()[-1])
        facts["error"]  # what every one of them has
    except (LookupError, ValueError, TypeError) as exc:
        said = " ".join(err.decode("utf-8", "replace").split())[-200:]
        error = f"it ended at once ({exit_text(code)})" + (f": {said}" if said else "")
        raise _Mute(error) from exc
    return dict(facts)
