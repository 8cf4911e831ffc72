"""Locks between processes: one program per conversation of the terminal, one `parley run` per
platform and database.

A lock is held by the operating system, so a process that was killed holds none.
"""

import json
import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from bot.config import APP, Settings
from bot.database_url import sqlite_file
from bot.errors import Busy, ConfigError, StorageError
from bot.files import make_private_folder, private
from bot.messages import ConversationKey, ModelInfo

logger = logging.getLogger(__name__)

PLATFORM = "console"


def conversation_named(name: str) -> ConversationKey:
    """The terminal's conversation of that name. Raises ConfigError where it cannot be one."""
    try:
        if not name.strip():
            raise ValueError(name)
        return ConversationKey(PLATFORM, name)
    except ValueError as exc:
        raise ConfigError(
            f"--conversation {name!r}: a name has letters in it, and no slash."
        ) from exc


@contextmanager
def locked(settings: Settings, conversation: ConversationKey) -> Iterator[None]:
    """Keep other programs out of the conversation while the body runs. Raises Busy where one is
    in it already."""
    database = settings.database_url
    if database == "memory://":
        yield
        return
    # The lock's file stays: deleting it would let two programs lock two files of the same name.
    name = f"parley-{sha256(str(conversation).encode()).hexdigest()[:16]}.lock"
    file = folder_of(database) / name

    def busy() -> Busy:
        return Busy(
            f"Another Parley has the conversation “{conversation.channel}” open. Close it, or "
            "begin another one with: --conversation NAME"
        )

    with held(file, 0.0, busy):
        yield


@contextmanager
def held(file: Path, patience: float, busy: Callable[[], Busy]) -> Iterator[None]:
    """Hold the lock `file` while the body runs. Raises what `busy` makes where another holds it for
    longer than `patience`, in seconds, and StorageError where it cannot be written."""
    lock = FileLock(file, mode=0o600)
    try:
        make_private_folder(file.parent)
        lock.acquire(timeout=patience)
    except Timeout as exc:
        raise busy() from exc
    except OSError as exc:
        raise StorageError(
            f"{file} cannot be written ({exc.strerror}); make its folder writable for you, or "
            "point [storage] url elsewhere."
        ) from exc
    try:
        yield
    finally:
        lock.release()


def folder_of(database: str) -> Path:
    """Beside the database where it is a file; the same conversation has the same lock then."""
    file = sqlite_file(database)
    return file.parent if file is not None else user_data_path(APP)


# ---------------------------------------------------------------- parley run

PATIENCE = 1.0
"""Seconds: as long as somebody who only looks may hold the lock, and longer."""


@dataclass(frozen=True, slots=True)
class Run:
    """A `parley run` that serves a platform now."""

    pid: int | None = None
    """None, like all else, where it could not say."""
    since: str = ""
    """ISO 8601, UTC."""
    model: ModelInfo | None = None
    """As it was loaded; None until then."""


@contextmanager
def serving(
    settings: Settings, platforms: Collection[str]
) -> Iterator[Callable[[ModelInfo], None]]:
    """Be the one that serves these platforms while the body runs. What it gives takes the model
    that was loaded, for others to see. Raises Busy where another serves one of them, and
    StorageError where the lock cannot be written."""
    if settings.database_url == "memory://":  # nothing is shared with anybody
        yield lambda _: None
        return
    notes = [_note_file(settings, platform) for platform in platforms]
    with ExitStack() as stack:
        for platform in platforms:
            stack.enter_context(_lock(settings, platform))
        since = datetime.now(UTC).isoformat(timespec="seconds")

        def tell(model: ModelInfo | None) -> None:
            for note in notes:
                _write(note, Run(os.getpid(), since, model))

        for note in notes:
            stack.callback(note.unlink, missing_ok=True)
        tell(None)
        yield tell


def run_of(settings: Settings, platform: str) -> Run | None:
    """The run that serves `platform` with this database, or None. Makes nothing."""
    file = _lock_file(settings, platform)
    if settings.database_url == "memory://" or not file.exists():
        return None
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read(_note_file(settings, platform))
    except OSError:
        return None  # somebody else's: this account can run nothing there either
    lock.release()
    return None


def _lock(settings: Settings, platform: str) -> AbstractContextManager[None]:
    def busy() -> Busy:
        other = _read(_note_file(settings, platform))
        who = f" (process {other.pid})" if other.pid else ""
        return Busy(
            f"Another parley run{who} serves {platform} with this database already. End it first, "
            "or give this one another [storage] url."
        )

    return held(_lock_file(settings, platform), PATIENCE, busy)


def _lock_file(settings: Settings, platform: str) -> Path:
    database = settings.database_url
    name = f"parley-run-{platform.lower()}-{sha256(database.encode()).hexdigest()[:16]}.lock"
    return folder_of(database) / name


def _note_file(settings: Settings, platform: str) -> Path:
    return _lock_file(settings, platform).with_suffix(".json")


def _write(note: Path, run: Run) -> None:
    """Whole, or not at all. Nobody's answers depend on it."""
    part = note.with_suffix(".part")
    try:
        with open(part, "w", encoding="utf-8", opener=private) as out:
            out.write(json.dumps(asdict(run)))
        part.replace(note)
    except OSError as exc:
        logger.warning("%s cannot be written (%s): parley status will know less", note, exc)


def _read(note: Path) -> Run:
    try:
        facts = json.loads(note.read_text(encoding="utf-8"))
        model = facts.pop("model")
        return Run(**facts, model=ModelInfo(**model) if model else None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Run()
