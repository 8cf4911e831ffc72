"""Where converted models are kept, so that a model is converted once.

A folder of the cache is whole from the moment that it has its name: it is written under another
one, which no reader looks at, and renamed. What a conversion that was killed left behind is
removed by the next one.
"""

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bot.worker.models.conversion import MODEL_FILE, Report, convert
from bot.worker.models.file_lock import locked
from bot.worker.models.safetensors_file import identity
from bot.worker.protocol import LoadError

VERSION = 1
"""Of what `convert` writes: another number makes every model be converted again."""

_PARTIAL = ".partial"


def converted(source: Path, cache_dir: Path, low_bit: str, report: Report) -> Path:
    """The OpenVINO folder of the model in `source`, converted now if it never was.

    While another process converts the same model, this one waits for it. Raises LoadError where
    the model cannot be converted or the cache cannot be written; the cache is then as before.
    """
    target = cache_dir / _name(source, low_bit)
    if (target / MODEL_FILE).is_file():
        return target
    with _explained(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        lock = cache_dir / f"{target.name}.lock"
        with locked(lock, lambda: report("Waiting for another conversion", 0, 0)):
            if not (target / MODEL_FILE).is_file():
                _convert_into(source, target, low_bit, report)
    return target


def _name(source: Path, low_bit: str) -> str:
    facts = json.dumps([VERSION, low_bit, identity(source)])
    digest = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return f"{source.resolve().name}-{low_bit}-{digest}"


def _convert_into(source: Path, target: Path, low_bit: str, report: Report) -> None:
    """Only ever called by the holder of the target's lock."""
    for left_behind in target.parent.glob(f"{target.name}.*{_PARTIAL}"):
        shutil.rmtree(left_behind, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(_PARTIAL, f"{target.name}.", target.parent))
    try:
        convert(source, partial, low_bit, report)
        for file in partial.iterdir():
            _flush(file)
        partial.rename(target)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _flush(file: Path) -> None:
    """See to it that a power cut after the rename finds the file's content on the disk."""
    with file.open("rb+") as stream:
        os.fsync(stream.fileno())


@contextlib.contextmanager
def _explained(cache_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise LoadError(
                f"the disk of {cache_dir} is full: make room, or name another place in "
                "[model] cache_dir"
            ) from exc
        raise LoadError(
            f"{exc.filename or cache_dir} cannot be written ({exc.strerror}): name another place "
            "in [model] cache_dir"
        ) from exc
