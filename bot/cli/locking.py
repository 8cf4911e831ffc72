"""One program at a time in each of the terminal's conversations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_data_path

from bot.config import APP, Settings
from bot.errors import Busy, ConfigError, StorageError
from bot.messages import ConversationKey

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
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
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
    if database.startswith("sqlite:///"):
        return Path(database.removeprefix("sqlite:///")).parent
    return user_data_path(APP)
