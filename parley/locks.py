"""Locks between processes: one program for each conversation of the terminal, and one `parley run`
for each platform and database.

The locks are file locks of the operating system (https://py-filelock.readthedocs.io), which are
released when their process ends, however it ends. The files themselves stay: if they were deleted,
two processes could lock two different files of the same name.
"""

import json
import logging
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from bot.config import APP, Settings
from bot.database_url import sqlite_file
from bot.errors import Busy, StorageError
from bot.files import make_private_folder, private
from bot.messages import ConversationKey, ModelInfo, Reasoning

logger = logging.getLogger(__name__)

IN_MEMORY = "memory://"
"""The database that no other process can see, so that nothing needs a lock."""


@contextmanager
def conversation_lock(settings: Settings, conversation: ConversationKey) -> Iterator[None]:
    """Hold the lock of a conversation of the terminal while the body runs. Does not wait: raises
    Busy where another process holds it, StorageError where the lock file cannot be written."""
    database = settings.database_url
    if database == IN_MEMORY:
        yield
        return
    name = f"parley-{sha256(str(conversation).encode()).hexdigest()[:16]}.lock"

    def busy() -> Busy:
        return Busy(
            f"The conversation “{conversation.channel}” is open in another Parley process. Close "
            "that one, or use another conversation with: --conversation NAME"
        )

    with _file_lock(_lock_folder(database) / name, 0.0, busy):
        yield


@contextmanager
def _file_lock(file: Path, timeout: float, busy: Callable[[], Busy]) -> Iterator[None]:
    """Hold the lock `file` while the body runs. Raises the error that `busy` makes where another
    process holds it for longer than `timeout` seconds, and StorageError where the file cannot be
    written."""
    lock = FileLock(file, mode=0o600)
    try:
        make_private_folder(file.parent)
        lock.acquire(timeout=timeout)
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


def _lock_folder(database: str) -> Path:
    """The folder of a SQLite file, so that all who use the file use the same lock; the user's data
    folder for a database server."""
    file = sqlite_file(database)
    return file.parent if file is not None else user_data_path(APP)


# ---------------------------------------------------------------- parley run

LOCK_TIMEOUT = 1.0
"""Seconds to wait for the lock of `parley run`. `running_instance` may hold it for a moment."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A running `parley run`, as its status file describes it. All fields keep their defaults
    where that file cannot be read."""

    pid: int | None = None
    since: str = ""
    """When it started: ISO 8601, UTC."""
    model: ModelInfo | None = None
    """The loaded model; None while it is being loaded."""
    connected: bool = False
    """Whether the platform has been connected since the start."""


class StatusFiles:
    """The status files of this process, one for each platform that it serves. A file that cannot be
    written is only logged: answers do not depend on it."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        """`files`: the file of each platform; none where nobody else can see the database."""
        self._files = files
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._states = {platform: Instance(os.getpid(), since) for platform in files}

    def loaded(self, model: ModelInfo | None) -> None:
        """Publish the loaded model; None while it is being loaded."""
        for platform in self._files:
            self._publish(platform, replace(self._states[platform], model=model))

    def connected(self, platform: str, connected: bool) -> None:
        """Publish whether the platform is connected."""
        if platform in self._files:
            self._publish(platform, replace(self._states[platform], connected=connected))

    def beat(self) -> None:
        """Give a sign of life: the files' time of change, which `last_sign_of_life` reads."""
        for platform, file in self._files.items():
            try:
                os.utime(file)
            except OSError:  # deleted by somebody, for example
                _write_status(file, self._states[platform])

    def _publish(self, platform: str, state: Instance) -> None:
        self._states[platform] = state
        _write_status(self._files[platform], state)


@contextmanager
def instance_lock(settings: Settings, platforms: Collection[str]) -> Iterator[StatusFiles]:
    """Hold the single-instance lock for these platforms while the body runs.

    Yields what publishes the state of this process for `running_instance`. Raises Busy where
    another process holds the lock of one of the platforms for this database, and StorageError
    where a lock file cannot be written.
    """
    if settings.database_url == IN_MEMORY:
        yield StatusFiles({})
        return
    files = {platform: _status_file(settings, platform) for platform in platforms}
    with ExitStack() as stack:
        for platform in platforms:
            stack.enter_context(_platform_lock(settings, platform))
        for file in files.values():
            stack.callback(file.unlink, missing_ok=True)
        status = StatusFiles(files)
        status.loaded(None)
        yield status


def running_instance(settings: Settings, platform: str) -> Instance | None:
    """The `parley run` that serves `platform` with this database; None where there is none.
    Creates no file."""
    file = _lock_file(settings, platform)
    if settings.database_url == IN_MEMORY or not file.exists():
        return None
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read_status(_status_file(settings, platform))
    except OSError:
        return None  # another account's lock file: this account cannot run an instance there
    lock.release()
    return None


def last_sign_of_life(settings: Settings, platform: str) -> float | None:
    """Seconds since the `parley run` that serves `platform` last gave a sign of life
    (`StatusFiles.beat`); None where it never did."""
    try:
        changed = _status_file(settings, platform).stat().st_mtime
    except OSError:
        return None
    return max(0.0, time.time() - changed)


def _platform_lock(settings: Settings, platform: str) -> AbstractContextManager[None]:
    def busy() -> Busy:
        other = _read_status(_status_file(settings, platform))
        process = f" (process {other.pid})" if other.pid else ""
        return Busy(
            f"Another parley run{process} already serves {platform} with this database. Stop it "
            "first, or give this one another [storage] url."
        )

    return _file_lock(_lock_file(settings, platform), LOCK_TIMEOUT, busy)


def _lock_file(settings: Settings, platform: str) -> Path:
    database = settings.database_url
    name = f"parley-run-{platform.lower()}-{sha256(database.encode()).hexdigest()[:16]}.lock"
    return _lock_folder(database) / name


def _status_file(settings: Settings, platform: str) -> Path:
    return _lock_file(settings, platform).with_suffix(".json")


def _write_status(file: Path, instance: Instance) -> None:
    """Replace the file atomically. A failure is only logged: answers do not depend on it."""
    part = file.with_suffix(".part")
    try:
        with open(part, "w", encoding="utf-8", opener=private) as out:
            out.write(json.dumps(asdict(instance)))
        part.replace(file)
    except OSError as exc:
        logger.warning("%s cannot be written (%s): parley status will show less", file, exc)


def _model(facts: dict[str, Any]) -> ModelInfo:
    """The model as `_write_status` wrote it. Raises TypeError and ValueError for anything else."""
    for name in ("thinks_at", "reasoning_levels"):
        facts[name] = tuple(map(Reasoning, facts.get(name, ())))
    return ModelInfo(**facts)


def _read_status(file: Path) -> Instance:
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        model = facts.pop("model")
        return Instance(**facts, model=_model(model) if model else None)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return Instance()
