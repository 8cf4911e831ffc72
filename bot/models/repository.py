"""What can be known of a model before anything large is read: its small JSON files and a listing.

The same for a folder on this machine and for a repository at the Hugging Face Hub, so that
`bot.models.kind` tells for both what would run the model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.errors import ModelError
from bot.files import parse_json
from bot.models.gguf_files import is_model_file

DOCUMENTS = ("config.json", "adapter_config.json", "tokenizer_config.json")
"""The small JSON files that tell what kind of model it is."""

MOST_BYTES = 64 << 20
"""Size above which one of them is not read: a tokenizer's configuration has a few hundred
kilobytes at most."""


@dataclass(frozen=True, slots=True)
class Repository:
    """A model's files by their names and sizes, and the content of some of them."""

    name: str
    """Its name at the Hub, or the path of its folder or file."""
    sizes: Mapping[str, int]
    """Bytes of every file by its path, with "/" between folders."""
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """The parsed `DOCUMENTS`, as far as there are any, by their names."""

    @property
    def config(self) -> Mapping[str, Any]:
        """The content of config.json; empty where there is none."""
        return self.documents.get("config.json", {})

    def at_top(self, *endings: str) -> list[str]:
        """The files in no subfolder whose names end in one of `endings`, sorted."""
        return sorted(path for path in self.sizes if "/" not in path and path.endswith(endings))

    @property
    def gguf(self) -> list[str]:
        """The files that are models in GGUF's format, sorted."""
        return sorted(filter(is_model_file, self.sizes))

    def size_of(self, paths: tuple[str, ...]) -> int:
        """Bytes of these files together."""
        return sum(self.sizes.get(path, 0) for path in paths)


def read_repository(path: Path) -> Repository:
    """The model in the folder `path`, with the files in its subfolders, or the single file `path`.
    Blocks. Raises ModelError, with the remedy, where it cannot be read or a document is damaged."""
    try:
        if path.is_file():
            return Repository(_name(path), {path.name: path.stat().st_size})
        sizes = {file.relative_to(path).as_posix(): file.stat().st_size for file in files_in(path)}
        found = {name: _document(path / name) for name in DOCUMENTS if name in sizes}
    except OSError as exc:
        raise ModelError(f"{exc.filename or path} cannot be read: {exc.strerror}.") from exc
    return Repository(_name(path), sizes, found)


def _name(path: Path) -> str:
    """The name at the Hub of a download in Hugging Face's cache; else the path itself."""
    for folder in (path, *path.parents):
        if folder.parent.name == "snapshots":
            download = folder.parent.parent.name
            return download.removeprefix("models--").replace("--", "/", 1)
    return str(path)


def files_in(folder: Path) -> list[Path]:
    """The files in `folder` and in its subfolders, not in theirs: no model is stored deeper, and
    the folder may be any. Links are followed. Raises OSError where it cannot be read."""
    if not folder.exists():
        return []
    top = list(folder.iterdir())
    below = [path for sub in top if sub.is_dir() for path in sub.glob("*")]
    return [path for path in (*top, *below) if path.is_file()]


def as_document(data: bytes, where: object) -> Mapping[str, Any]:
    """The JSON object `data`. `where` is named in errors. Raises ModelError where it is none."""
    if data.startswith(b"version https://git-lfs"):
        raise ModelError(f"{where} is only a Git LFS pointer: run “git lfs pull” in its folder.")
    try:
        value = parse_json(data)
    except ValueError as error:
        raise ModelError(f"{where} is damaged ({error}): download it again.") from error
    if not isinstance(value, dict):
        raise ModelError(f"{where} is damaged (it is not a JSON object): download it again.")
    return value


def _document(path: Path) -> Mapping[str, Any]:
    if path.stat().st_size > MOST_BYTES:
        raise ModelError(f"{path} is too large for what it should hold: download it again.")
    return as_document(path.read_bytes(), path)
