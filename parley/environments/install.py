"""Creates a backend's environment: finds a Python, creates a venv, installs into it, tests it.

A venv cannot be moved, so it is created in place; a marker file is written last, and an
environment without it is unfinished and created anew. Errors hold the failed command's last output.
"""

import asyncio
import os
import shutil
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

from bot.environment import installer_environment
from bot.errors import ModelError
from parley.environments.recipes import ENVIRONMENT, Recipe

MARKER = "parley-installed"
"""The file whose presence says that the environment is complete."""

Say = Callable[[str], None]


async def install_environment(recipe: Recipe, folder: Path, say: Say, *, python: str = "") -> Path:
    """Create the environment of `recipe` in `folder`, unless it is complete already, test it, and
    return its interpreter. `python` is the interpreter to create it with; "" searches for one.
    `say` receives lines about the progress. Raises ModelError; an unfinished environment is
    created anew by the next call."""
    interpreter = interpreter_in(folder)
    if (folder / MARKER).is_file():
        say(f"{folder} is complete already; it is only tested again.")
    else:
        _require_space(folder, recipe)
        base = await find_python(recipe, python)
        await asyncio.to_thread(_remove_unfinished, folder)
        say(f"Creating {folder} with {base} (about {recipe.gigabytes:g} GB) …")
        await _run(base, "-m", "venv", str(folder))
        for number, step in enumerate(recipe.steps, start=1):
            other = ("-", "http", ENVIRONMENT)
            names = " ".join(word for word in step if not word.startswith(other))
            say(f"Installing, step {number} of {len(recipe.steps)}: {names}")
            words = (word.replace(ENVIRONMENT, str(folder)) for word in step)
            await _run(str(interpreter), "-m", "pip", "install", "--quiet", *words)
    say("Testing it …")
    await _run(str(interpreter), "-c", recipe.check)
    (folder / MARKER).write_text(repr(recipe.steps), encoding="utf-8")
    return interpreter


def interpreter_in(folder: Path) -> Path:
    """The path of a venv's Python."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


async def find_python(recipe: Recipe, wanted: str = "") -> str:
    """The path of an interpreter whose version the recipe supports: `wanted`, or the first found.
    Raises ModelError where there is none."""
    names = [wanted] if wanted else [f"python{major}.{minor}" for major, minor in recipe.pythons]
    for name in names if wanted else [*names, sys.executable, "python3"]:
        path = shutil.which(name)
        if path is not None and await _version(path) in recipe.pythons:
            return path
    versions = " or ".join(f"{major}.{minor}" for major, minor in recipe.pythons)
    problem = f"{wanted} is not one" if wanted else "none was found"
    raise ModelError(
        f"{recipe.title} needs Python {versions}, but {problem}: install one (python.org, your "
        "system's packages, or uv python install 3.11) and name it with --python."
    )


async def _version(python: str) -> tuple[int, int] | None:
    """(major, minor), or None where `python` does not run."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        output = await _run(python, "-c", code)
        major, minor = output[-1].split()
        return int(major), int(minor)
    except (ModelError, LookupError, ValueError):
        return None


def _require_space(folder: Path, recipe: Recipe) -> None:
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(parent).free / 1e9
    if free < recipe.gigabytes:
        raise ModelError(
            f"{folder} needs about {recipe.gigabytes:g} GB, but only {free:.1f} GB are free: make "
            "room, or choose another folder with --folder."
        )


def _remove_unfinished(folder: Path) -> None:
    """Delete an unfinished environment. Raises ModelError where `folder` holds anything else: that
    is somebody's data."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / "pyvenv.cfg").is_file():
        raise ModelError(f"{folder} holds other files: choose another folder with --folder.")
    shutil.rmtree(folder)


async def _run(*command: str) -> list[str]:
    """The last 20 lines of a command's output. Raises ModelError where it fails."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=installer_environment(os.environ),
        )
    except OSError as exc:
        raise ModelError(f"{command[0]} cannot be started: {exc.strerror}.") from exc
    output: deque[str] = deque(maxlen=20)
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if text := line.decode("utf-8", "replace").strip():
                output.append(text)
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        last = " ".join(list(output)[-1:])
        cause = next((text for text in reversed(output) if "rror" in text), last)
        raise ModelError(f"{' '.join(command[:4])} … failed with exit code {code}: {cause}")
    return list(output)
