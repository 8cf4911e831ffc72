"""Runs what takes much memory for a moment in a process of its own, whose end gives it back."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any


class ProcessFailed(Exception):
    """The process could not be started, ended without a result, or took too long."""


async def result_of(
    *arguments: str,
    request: Any = None,
    seconds: float,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Run this Python with `arguments`, with `request` as JSON on its standard input; returns the
    JSON that it prints. `environment`: None is this process's own. Raises ProcessFailed. Where the
    caller is cancelled, the process is ended."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-X",
            "utf8",
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=dict(os.environ if environment is None else environment),
        )
    except OSError as exc:
        raise ProcessFailed(f"{sys.executable} cannot be started ({exc.strerror})") from exc
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate(json.dumps(request).encode())
        return json.loads(output)
    except TimeoutError as exc:
        raise ProcessFailed(f"no result within {seconds:g} seconds") from exc
    except ValueError as exc:
        raise ProcessFailed(f"no result (exit code {process.returncode})") from exc
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
