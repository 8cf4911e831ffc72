"""Replaces a file at once: after a crash or Ctrl-C there is the old text or the new one.

The text is written beside the file and then takes its place (``rename``, atomic on one file
system). A private file can be read by its owner alone: mode 0600, on Windows by its access list.
"""

import getpass
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bot.errors import ConfigError
from bot.files import make_private_folder

PRIVATE = 0o600


def replace_text(file: Path, text: str, *, private: bool) -> None:
    """Write `text` (UTF-8) as the content of `file`. A file that exists keeps its line ends and,
    unless `private`, its rights; a link to a file keeps pointing there. Missing folders are made
    for their owner alone. Raises ConfigError where it cannot be written: the file is then as it
    was."""
    try:
        target = file.resolve()
        make_private_folder(target.parent)
        mode = PRIVATE if private else _mode(target)
        line_end = _line_end(target)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        part = Path(name)  # mkstemp makes it with mode 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline=line_end) as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            if private:
                keep_private(part)
            else:
                part.chmod(mode)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as exc:
        raise unwritable(file, exc) from exc


def require_writable(file: Path) -> None:
    """Raise ConfigError where `file` could not be written: asked before any question, so that no
    answer is lost. Makes missing folders, and leaves nothing else behind."""
    try:
        target = file.resolve()
        make_private_folder(target.parent)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        os.close(handle)
        Path(name).unlink()
    except OSError as exc:
        raise unwritable(file, exc) from exc


def unwritable(file: Path, error: OSError) -> ConfigError:
    """The line for a file that cannot be written."""
    return ConfigError(
        f"{file} cannot be written ({error.strerror or error}). Nothing was changed. Choose a file "
        "in a folder of yours: parley setup --config FILE"
    )


def keep_private(file: Path) -> None:
    """Take from everybody but the owner the right to read and change `file`. Raises OSError."""
    if sys.platform != "win32":
        file.chmod(PRIVATE)
        return
    # /inheritance:r drops what the folder grants. An administrator can still take ownership.
    command = icacls(file, getpass.getuser())
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=30)  # noqa: S603
    except subprocess.SubprocessError as exc:
        raise OSError(f"icacls did not answer: {type(exc).__name__}") from exc
    if done.returncode:
        raise OSError(f"icacls could not restrict it (exit code {done.returncode})")


def icacls(file: Path, user: str) -> list[str]:
    """The command that leaves only `user` rights to `file`
    (https://learn.microsoft.com/windows-server/administration/windows-commands/icacls)."""
    return ["icacls", str(file), "/inheritance:r", "/grant:r", f"{user}:F"]


def _mode(file: Path) -> int:
    """The rights of `file`; of a new one those that the umask gives."""
    try:
        return file.stat().st_mode & 0o777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _line_end(file: Path) -> str:
    """How the lines of `file` end: as its first one does."""
    try:
        with file.open("rb") as lines:
            return "\r\n" if lines.readline().endswith(b"\r\n") else "\n"
    except FileNotFoundError:
        return "\n"
