"""The prepared forms of models that the worker keeps, and which of them no start would use again.

A form is a folder in ``[model] cache_dir`` that `bot.worker.conversion.model_cache` made of a
model's files; its name holds a digest of these files, and a note in it says where they lay. It is
used for as long as the model has the same files.
"""

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from bot.config import Settings
from bot.worker.conversion.file_lock import is_locked
from bot.worker.conversion.model_cache import PARTIAL, SOURCE_NOTE, converted_name, lock_of
from bot.worker.protocol import LoadError

_FORM = re.compile(r"(?P<source>.+)-(?P<low_bit>[a-z0-9_]+)-[0-9a-f]{16}")
_UNFINISHED = re.compile(rf"(?P<form>{_FORM.pattern})\.[^.]+{re.escape(PARTIAL)}")


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model converted ahead."""

    low_bit: str
    folder: Path
    size: int
    """Bytes on the disk."""
    source: Path | None
    """Where the model lay; None where nothing says so."""
    stale: str
    """Why no start would use it any more; "" where one would."""


def prepared_forms(settings: Settings, models: Collection[Path]) -> list[Prepared]:
    """Every form in the cache, what conversions that were killed left included. `models` are the
    folders of those that are known here. Blocks. Raises OSError."""
    return sorted(_forms(settings.cache_folder, models), key=lambda form: form.folder.name)


def belongs(form: Prepared, folder: Path, download: Path | None) -> bool:
    """Whether `form` was made of the model in `folder`, or of another version of its `download`."""
    if _is_form_of(form.folder.name, form.low_bit, folder):
        return True
    if form.source is not None:
        return form.source.is_relative_to((download or folder).resolve())
    return form.folder.name.startswith(f"{folder.resolve().name}-{form.low_bit}-")


def size_of(folder: Path) -> int:
    """Bytes of the files below `folder`; what links point to counts where it lies."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum(stat.st_size for stat in files)


def _forms(cache: Path, models: Collection[Path]) -> Iterator[Prepared]:
    for folder in cache.glob("*"):
        if not folder.is_dir():
            continue
        if match := _FORM.fullmatch(folder.name):
            source = _source(folder)
            stale = _why_stale(folder.name, match["low_bit"], source, models)
            yield Prepared(match["low_bit"], folder, size_of(folder), source, stale)
        elif (match := _UNFINISHED.fullmatch(folder.name)) and not _is_made(folder, match["form"]):
            stale = "its conversion was not finished"
            yield Prepared(match["low_bit"], folder, size_of(folder), None, stale)


def _is_made(partial: Path, form: str) -> bool:
    """Whether a process is at work on it."""
    return is_locked(lock_of(partial.with_name(form)))


def _source(folder: Path) -> Path | None:
    try:
        return Path(json.loads((folder / SOURCE_NOTE).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _why_stale(name: str, low_bit: str, source: Path | None, models: Collection[Path]) -> str:
    candidates = [*models, *([source] if source is not None and source.is_dir() else [])]
    if any(_is_form_of(name, low_bit, folder) for folder in candidates):
        return ""
    if source is None:
        return "no model here is the one that it was made of"
    return "its model has changed since" if source.is_dir() else f"{source} is gone"


def _is_form_of(name: str, low_bit: str, folder: Path) -> bool:
    try:
        return converted_name(folder, low_bit) == name
    except (LoadError, OSError):  # it holds no weights any more
        return False
