"""Lists the converted models in the cache, and which of them are stale: no longer used.

A converted model is a folder in ``[model] cache_dir`` that `bot.worker.conversion.model_cache` made
from a model's files. Its name contains a digest of these files, and a JSON file in it names their
folder. It is used as long as the model has the same files.
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

_NAME = re.compile(r"(?P<source>.+)-(?P<low_bit>[a-z0-9_]+)-[0-9a-f]{16}")
_UNFINISHED = re.compile(rf"(?P<name>{_NAME.pattern})\.[^.]+{re.escape(PARTIAL)}")


@dataclass(frozen=True, slots=True)
class ConvertedModel:
    """A converted model in the cache."""

    low_bit: str
    """Its quantization."""
    folder: Path
    size: int
    """Bytes on disk."""
    source: Path | None
    """The folder of the original model; None where that is not recorded."""
    stale: str
    """Why it is no longer used; "" where it is."""


def converted_models(settings: Settings, models: Collection[Path]) -> list[ConvertedModel]:
    """Every converted model in the cache, including those that killed processes left unfinished,
    by name. `models` are the folders of the installed models. Blocks. Raises OSError."""
    return sorted(_in_cache(settings.cache_folder, models), key=lambda found: found.folder.name)


def belongs(converted: ConvertedModel, folder: Path, download: Path | None) -> bool:
    """Whether `converted` was made from the model in `folder`, or from another version of its
    `download` in Hugging Face's cache. Blocks."""
    if _is_made_from(converted.folder.name, converted.low_bit, folder):
        return True
    if converted.source is not None:
        return converted.source.is_relative_to((download or folder).resolve())
    return converted.folder.name.startswith(f"{folder.resolve().name}-{converted.low_bit}-")


def size_of(folder: Path) -> int:
    """Bytes of the files below `folder`; symbolic links are not followed. Raises OSError."""
    files = (path.lstat() for path in folder.rglob("*") if not path.is_dir())
    return sum(stat.st_size for stat in files)


def _in_cache(cache: Path, models: Collection[Path]) -> Iterator[ConvertedModel]:
    for folder in cache.glob("*"):
        if not folder.is_dir():
            continue
        if match := _NAME.fullmatch(folder.name):
            source = _source(folder)
            stale = _why_stale(folder.name, match["low_bit"], source, models)
            yield ConvertedModel(match["low_bit"], folder, size_of(folder), source, stale)
        elif (match := _UNFINISHED.fullmatch(folder.name)) and not _is_being_made(
            folder, match["name"]
        ):
            stale = "its conversion was not finished"
            yield ConvertedModel(match["low_bit"], folder, size_of(folder), None, stale)


def _is_being_made(partial: Path, name: str) -> bool:
    """Whether a running process holds the lock of this conversion."""
    return is_locked(lock_of(partial.with_name(name)))


def _source(folder: Path) -> Path | None:
    try:
        return Path(json.loads((folder / SOURCE_NOTE).read_text(encoding="utf-8"))["source"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _why_stale(name: str, low_bit: str, source: Path | None, models: Collection[Path]) -> str:
    candidates = [*models, *([source] if source is not None and source.is_dir() else [])]
    if any(_is_made_from(name, low_bit, folder) for folder in candidates):
        return ""
    if source is None:
        return "the model that it was converted from is not installed"
    return "its model has changed since" if source.is_dir() else f"{source} is gone"


def _is_made_from(name: str, low_bit: str, folder: Path) -> bool:
    try:
        return converted_name(folder, low_bit) == name
    except (LoadError, OSError):  # it no longer contains weights
        return False
