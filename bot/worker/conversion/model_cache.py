"""The cache of converted models ([model] cache_dir): each model is converted once per kind.

A converted model is a folder ``NAME-KIND-DIGEST``. NAME is the original folder's name, KIND names
quantization and backend (for OpenVINO see `converted_kinds`), and DIGEST covers the original's
files, so that a changed model is converted anew. A folder with this name is always complete: it is
written under a temporary name that no reader accepts, and renamed. What a killed conversion left
behind is removed by the next one.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.worker.backends.openvino.library import MODEL_FILE
from bot.worker.conversion.architectures import read_config
from bot.worker.conversion.convert import convert
from bot.worker.conversion.file_lock import locked
from bot.worker.conversion.safetensors_file import identity
from bot.worker.protocol import LoadError, Progress

VERSION = 2
"""Part of the digest. To be increased when `convert` writes something else, so that every model is
converted again."""

PARTIAL = ".partial"
"""The suffix of the temporary folder of a conversion that is not finished."""
SOURCE_NOTE = "parley-source.json"
"""A JSON file in a converted model: ``source``, the path of the original's folder."""


def converted(
    source: Path,
    cache_dir: Path,
    low_bit: str,
    report: Progress,
    context: int = 0,
    memory: int | None = None,
) -> Path:
    """The folder with the model in `source` in OpenVINO's format, converted now if it is not
    cached, for a context window of `context` tokens, which matters to LongRoPE alone, and a device
    with `memory` bytes (see `convert`). Raises LoadError where it cannot be converted, and as
    `get_or_convert` does."""
    config = read_config(source)
    short, long = converted_kinds(low_bit)
    kind = long if config.at(context) != config else short

    def make(folder: Path) -> None:
        convert(source, folder, low_bit, report, context, memory)

    return get_or_convert(source, cache_dir, kind, MODEL_FILE, make, report)


def converted_kinds(low_bit: str) -> tuple[str, str]:
    """The kinds of models that are converted for OpenVINO with this quantization: usually, and for
    contexts for which LongRoPE has other frequencies."""
    return low_bit, f"{low_bit}_long"


def get_or_convert(
    source: Path,
    cache_dir: Path,
    kind: str,
    marker: str,
    make: Callable[[Path], None],
    report: Progress,
) -> Path:
    """The folder with the model in `source` converted to this kind. It holds the file `marker`. If
    it is not cached, `make` is called to write it into an empty folder.

    While another process converts the same, this one waits for it and calls `report`. Raises
    LoadError where the cache cannot be written, and whatever `make` raises; the cache is then
    unchanged.
    """
    target = cache_dir / converted_name(source, kind)
    if (target / marker).is_file():
        return target
    with _disk_errors(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with locked(lock_of(target), lambda: report("Waiting for another conversion", 0, 0)):
            if not (target / marker).is_file():
                _make_into(target, source, make)
    return target


def lock_of(target: Path) -> Path:
    """The lock file (see `file_lock`) that is held while `target` is converted."""
    return target.with_name(f"{target.name}.lock")


def converted_name(source: Path, kind: str) -> str:
    """The name of the folder with the model in `source`, as its files are now, converted to this
    kind. Raises LoadError where `source` holds no weights."""
    facts = json.dumps([VERSION, kind, identity(source)])
    digest = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return f"{source.resolve().name}-{kind}-{digest}"


def _make_into(target: Path, source: Path, make: Callable[[Path], None]) -> None:
    """Write `target` by way of a temporary folder. The caller must hold the target's lock."""
    for left_behind in target.parent.glob(f"{target.name}.*{PARTIAL}"):
        shutil.rmtree(left_behind, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(PARTIAL, f"{target.name}.", target.parent))
    try:
        make(partial)
        note = json.dumps({"source": str(source.resolve())})
        (partial / SOURCE_NOTE).write_text(note, encoding="utf-8")
        for file in partial.iterdir():
            _flush(file)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _flush(file: Path) -> None:
    """Force the file's contents to disk: a power cut after the rename must not lose them."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


@contextlib.contextmanager
def _disk_errors(cache_dir: Path) -> Iterator[None]:
    """Turn an OSError into a LoadError for the operator."""
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise LoadError(
                f"the disk of {cache_dir} is full: make room, or set [model] cache_dir to "
                "another disk"
            ) from exc
        raise LoadError(
            f"{exc.filename or cache_dir} cannot be written ({exc.strerror}): set [model] "
            "cache_dir to a folder that can"
        ) from exc
