"""Makes an environment for a back end: finds a Python, makes a venv, fills it, tries it.

The environment is made in place, for a venv cannot be moved; one that was not finished is known
by a missing marker and made anew. Every command's last words are in the error when it fails.
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
from parley.environments.recipes import Recipe

MARKER = "parley-installed"
"""The file that a finished environment holds."""

Say = Callable[[str], None]


async def install(recipe: Recipe, folder: Path, say: Say, *, python: str = "") -> Path:
    """The interpreter of an environment in `folder`, made by `recipe` now if it never was.
    `python` is the interpreter to make it from; "" looks for one. Raises ModelError; what is
    half made is then made anew the next time."""
    interpreter = interpreter_in(folder)
    if (folder / MARKER).is_file():
        say(f"{folder} was made before; it is only tried once more.")
    else:
        _require_space(folder, recipe)
        base = await find_python(recipe, python)
        await asyncio.to_thread(_remove_unfinished, folder)
        say(f"Making {folder} with {base} (about {recipe.gigabytes:g} GB) …")
        await _run(base, "-m", "venv", str(folder))
        for number, step in enumerate(recipe.steps, start=1):
            names = " ".join(word for word in step if not word.startswith(("-", "http")))
            say(f"{number} of {len(recipe.steps)}: {names}")
            await _run(str(interpreter), "-m", "pip", "install", "--quiet", *step)
    say("Trying it …")
    await _run(str(interpreter), "-c", recipe.check)
    (folder / MARKER).write_text(repr(recipe.steps), encoding="utf-8")
    return interpreter


def interpreter_in(folder: Path) -> Path:
    """The Python of a venv."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


async def find_python(recipe: Recipe, wanted: str = "") -> str:
    """An interpreter of a version that the recipe can do with. Raises ModelError."""
    names = [wanted] if wanted else [f"python{major}.{minor}" for major, minor in recipe.pythons]
    for name in names if wanted else [*names, sys.executable, "python3"]:
        path = shutil.which(name)
        if path is not None and await _version(path) in recipe.pythons:
            return path
    versions = " or ".join(f"{major}.{minor}" for major, minor in recipe.pythons)
    what = f"{wanted} is none" if wanted else "there is none here"
    raise ModelError(
        f"ipex-llm needs Python {versions}, and {what}: install one (python.org, your system's "
        "packages, or uv python install 3.11) and name it with --python."
    )


async def _version(python: str) -> tuple[int, int] | None:
    """(major, minor), or None where it is no interpreter that runs."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        said = await _run(python, "-c", code)
        major, minor = said[-1].split()
        return int(major), int(minor)
    except (ModelError, LookupError, ValueError):
        return None


def _require_space(folder: Path, recipe: Recipe) -> None:
    parent = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(parent).free / 1e9
    if free < recipe.gigabytes:
        raise ModelError(
            f"{folder} would take about {recipe.gigabytes:g} GB and {free:.1f} GB are free: make "
            "room, or name another place with --folder."
        )


def _remove_unfinished(folder: Path) -> None:
    """Only ever remove an environment: a folder with anything else in it is somebody's own."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / "pyvenv.cfg").is_file():
        raise ModelError(f"{folder} holds something else: name another place with --folder.")
    shutil.rmtree(folder)


async def _run(*command: str) -> list[str]:
    """The last lines that a command said. Raises ModelError where it fails."""
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
    said: deque[str] = deque(maxlen=20)
    try:
        assert process.stdout is not None
        async for line in process.stdout:
            if text := line.decode("utf-8", "replace").strip():
                said.append(text)
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        words = next((text for text in reversed(said) if "rror" in text), " ".join(list(said)[-1:]))
        raise ModelError(f"{' '.join(command[:4])} … ended with {code}: {words}")
    return list(said)
