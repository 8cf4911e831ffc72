"""Reads text that people and other programs wrote, and creates files that only their owner reads.

Windows' editors and PowerShell write byte order marks and UTF-16
(https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_character_encoding),
so every settings file, JSON file and template goes through `decode`.
"""

import codecs
import json
import os
import sys
from pathlib import Path
from typing import Any

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # begins with UTF-16's mark
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FOLDER_MODE = 0o777 if sys.platform == "win32" else 0o700


class NotText(ValueError):
    """Bytes are no text in UTF-8, nor in another encoding that a byte order mark names.
    ``str(error)`` says why, without the file's name."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line
        """The line of the first wrong byte, counted from 1."""


def decode(data: bytes) -> str:
    """`data` as text without its byte order mark, with line ends as newlines.

    The encoding is the one that the mark names (UTF-8, UTF-16, UTF-32), else UTF-8. Raises NotText.
    """
    mark, encoding = next(
        ((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8")
    )
    data = data[len(mark) :]
    if not mark and b"\0" in data[:2]:  # an ASCII character in UTF-16
        raise NotText("it is UTF-16 without a byte order mark, not UTF-8", 1)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as exc:
        line = data[: exc.start].decode(encoding, "replace").count("\n") + 1
        kind = encoding[:6].rstrip("-").upper()
        raise NotText(f"its byte 0x{data[exc.start]:02X} is not valid {kind}", line) from exc
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(file: Path) -> str:
    """The text of `file`, as `decode` reads it. Blocks. Raises OSError and NotText."""
    return decode(file.read_bytes())


def parse_json(data: bytes) -> Any:
    """The JSON value in `data`, whose text `decode` reads. Raises ValueError, also for values that
    are nested too deeply for Python's parser."""
    try:
        return json.loads(decode(data))
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc


# ---------------------------------------------------------------- private files


def make_private_folder(folder: Path) -> None:
    """Create `folder` and its missing parents for their owner alone (mode 0700). A folder that
    exists is left as it is, and on Windows the rights are those of the parent. Raises OSError."""
    for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
        missing.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def others_may_read(file: Path) -> bool:
    """Whether the rights of `file` let other users than its owner read or change it. Always False
    on Windows, where rights are not in the mode, and for a file that cannot be looked at."""
    if sys.platform == "win32":
        return False
    try:
        return bool(file.stat().st_mode & 0o077)
    except OSError:
        return False


def private(path: str, flags: int) -> int:
    """An opener for `open`: a file that it creates can be read and written by its owner alone (mode
    0600). The rights of a file that exists stay. Raises OSError."""
    return os.open(path, flags, 0o600)
