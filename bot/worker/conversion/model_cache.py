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
from collections.abc import Callable, Iterator
from pathlib import Path

from bot.worker.conversion.convert import MODEL_FILE, Report, convert
from bot.worker.conversion.file_lock import locked
from bot.worker.conversion.safetensors_file import identity
from bot.worker.protocol import LoadError

VERSION = 1
"""Of what `convert` writes: another number makes every model be converted again."""

PARTIAL = ".partial"
SOURCE_NOTE = "parley-source.json"
"""The file in a form that says where the model lay of which it was made."""


def converted(source: Path, cache_dir: Path, low_bit: str, report: Report) -> Path:
    """The OpenVINO folder of the model in `source`, converted now if it never was. Raises
    LoadError where it cannot be converted, and as `kept` does."""

    def make(folder: Path) -> None:
        convert(source, folder, low_bit, report)

    return kept(source, cache_dir, low_bit, MODEL_FILE, make, report)


def kept(
    source: Path,
    cache_dir: Path,
    form: str,
    marker: str,
    make: Callable[[Path], None],
    report: Report,
) -> Path:
    """The folder of the model in `source` in this form, which holds the file `marker`. `make`
    fills an empty folder with it if there is none.

    While another process makes the same, this one waits for it. Raises LoadError where the cache
    cannot be written, and whatever `make` raises; the cache is then as before.
    """
    target = cache_dir / form_name(source, form)
    if (target / marker).is_file():
        return target
    with _explained(cache_dir):
        cache_dir.mkdir(parents=True, exist_ok=True)
        with locked(lock_of(target), lambda: report("Waiting for another conversion", 0, 0)):
            if not (target / marker).is_file():
                _make_into(target, source, make)
    return target


def lock_of(target: Path) -> Path:
    """The file whose lock whoever makes `target` holds."""
    return target.with_name(f"{target.name}.lock")


def form_name(source: Path, form: str) -> str:
    """What the folder is called that holds the model in `source`, as its files are now, in this
    form. Raises LoadError where `source` holds no weights."""
    facts = json.dumps([VERSION, form, identity(source)])
    digest = hashlib.sha256(facts.encode()).hexdigest()[:16]
    return f"{source.resolve().name}-{form}-{digest}"


def _make_into(target: Path, source: Path, make: Callable[[Path], None]) -> None:
    """Only ever called by the holder of the target's lock."""
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
