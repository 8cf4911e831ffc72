"""`/export` in the terminal: the person's own data as a file."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import NothingToDo, NotUnderstood, StorageError
from bot.files import private
from bot.personal import personal_lines, pieces
from bot.ports import PersonalData

PIECE = 1_000_000
"""Bytes that are held in memory and written at once."""


async def write_export(store: PersonalData, person: str, name: str) -> Path:
    """Write all that is stored of `person` to a new file, readable by its owner only, and return
    its path; `name` "" is ``parley-export-DATE.jsonl`` in the current folder. Raises NotUnderstood
    where the file exists, NothingToDo where nothing is stored, and StorageError."""
    try:
        return await _written(store, person, name)
    except FileExistsError as exc:
        raise NotUnderstood(f"{exc.filename} exists already; name another: /export FILE") from exc
    except OSError as exc:
        raise StorageError(f"{exc.filename} cannot be written: {exc.strerror}") from exc


async def _written(store: PersonalData, person: str, name: str) -> Path:
    data = pieces(personal_lines(store, person), PIECE)
    first = await anext(data, b"")
    if not first:
        raise NothingToDo("I have nothing stored of you.")
    file = await asyncio.to_thread(_file, name)
    with await asyncio.to_thread(open, file, "xb", opener=private) as out:
        await asyncio.to_thread(out.write, first)
        async for piece in data:
            await asyncio.to_thread(out.write, piece)
    return file


def _file(name: str) -> Path:
    return Path(name or f"parley-export-{datetime.now(UTC).date()}.jsonl").expanduser()
