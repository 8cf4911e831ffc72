"""Adds the content of attached text files to a question.

Files that are not text, or larger than `MOST_BYTES`, are not downloaded; content beyond a limit of
characters is cut. For each file that was left out or cut there is a note for the person, one line.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from bot.errors import SurfaceError

logger = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024
"""The largest file that is downloaded: 1 MiB."""

_TEXT_TYPES = frozenset(
    f"application/{kind}"
    for kind in ("json", "xml", "x-sh", "javascript", "toml", "yaml", "x-yaml", "sql", "x-python")
)
_TEXT_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("txt", "md", "rst", "tex", "csv", "tsv", "json", "jsonl", "xml", "html", "css", "yaml"),
        *("yml", "toml", "ini", "cfg", "conf", "log", "diff", "patch", "sql", "sh", "bash", "ps1"),
        *("bat", "py", "pyi", "ipynb", "js", "mjs", "ts", "tsx", "jsx", "c", "h", "cc", "cpp"),
        *("hpp", "cs", "java", "kt", "go", "rs", "rb", "php", "pl", "lua", "r", "jl", "hs"),
        *("scala", "swift", "vue", "srt"),
    )
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that was sent with a message."""

    name: str
    content_type: str
    """The MIME type as the platform reports it; "" where it reports none."""
    size: int
    """Bytes."""
    read: Callable[[], Awaitable[bytes]]
    """Downloads the content. Raises SurfaceError where it fails."""


@dataclass(frozen=True, slots=True)
class Composed:
    """The text of a question with that of its files."""

    text: str
    notes: tuple[str, ...]
    """For the person, one per file that was left out or cut."""


async def compose(text: str, files: Sequence[Attachment], most: int) -> Composed:
    """The question `text` followed by the content of `files` in order, of which it takes `most`
    characters in all. Raises nothing: a file that cannot be read becomes a note."""
    parts, notes, left = [text.strip()], [], most
    for file in files:
        content, note = await _content(file)
        if content is not None and not left:
            content = None
            note = f"{_shown(file)} was left out: I read {most:,} characters of files at most."
        if content is not None and len(content) > left:
            note = f"{_shown(file)} is long: I read its first {left:,} characters."
            content = f"{content[:left]}\n(cut here)"
        if content is not None:
            left = max(0, left - len(content))
            parts.append(f"File {_shown(file)}:\n{content}\n(end of {_shown(file)})")
        if note:
            notes.append(note)
    return Composed("\n\n".join(part for part in parts if part), tuple(notes))


async def _content(file: Attachment) -> tuple[str | None, str]:
    """The text of a file, None where it is left out, and a note, "" where there is nothing to
    say."""
    name = _shown(file)
    if not _looks_like_text(file):
        return None, f"{name} was left out: I read text files only."
    if file.size > MOST_BYTES:
        size = file.size / MOST_BYTES
        return None, f"{name} was left out: it has {size:,.1f} MB, and I read text up to 1 MB."
    try:
        content = _decoded(await file.read())
    except SurfaceError as error:
        logger.warning("an attachment could not be downloaded: %s", error)
        return None, f"{name} was left out: it could not be downloaded."
    if content is None:
        return None, f"{name} was left out: it is not a text file."
    if not content.strip():
        return None, f"{name} is empty."
    return content.strip("\n"), ""


def _looks_like_text(file: Attachment) -> bool:
    kind = file.content_type.partition(";")[0].strip().lower()
    return (
        kind.startswith("text/")
        or kind in _TEXT_TYPES
        or PurePath(file.name).suffix.lower() in _TEXT_SUFFIXES
    )


def _decoded(data: bytes) -> str | None:
    """`data` decoded as UTF-8, UTF-16 (with a byte order mark) or else Windows-1252, with newlines
    normalized; None where it is binary."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if b"\0" in data:
            return None
        text = data.decode("cp1252", errors="replace")
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _shown(file: Attachment) -> str:
    """The file's name, at most 80 characters, without any that could format or break a line."""
    name = "".join(letter for letter in file.name if letter.isalnum() or letter in " ._-+()")
    return name.strip()[-80:] or "a file"
