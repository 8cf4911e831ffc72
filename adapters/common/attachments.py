"""Text files that people attach become part of their question; the same on every platform.

Nothing is read that is not text or is larger than `MOST_BYTES`; what does not fit is cut. The
person is told of both, in one line each.
"""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from bot.errors import SurfaceError

logger = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024
"""Files above this are not fetched at all."""

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
    """A file beside a message. `read` fetches it and raises SurfaceError where it cannot."""

    name: str
    content_type: str
    """As the platform says; "" where it doesn't."""
    size: int
    """Bytes."""
    read: Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Composed:
    """A question with its files."""

    text: str
    notes: tuple[str, ...]
    """For the person: what was left out or cut. Empty where all was taken."""


async def compose(text: str, files: Sequence[Attachment], most: int) -> Composed:
    """The question `text` followed by the text of `files`, `most` characters of them in all."""
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
    """The text of a file and a note, of which one may be missing."""
    name = _shown(file)
    if not _looks_like_text(file):
        return None, f"{name} was left out: I read text files only."
    if file.size > MOST_BYTES:
        size = file.size / MOST_BYTES
        return None, f"{name} was left out: it has {size:,.1f} MB, and I read text up to 1 MB."
    try:
        content = _decoded(await file.read())
    except SurfaceError as error:
        logger.warning("an attachment could not be fetched: %s", error)
        return None, f"{name} was left out: it could not be fetched."
    if content is None:
        return None, f"{name} was left out: it says that it is text, but it is not."
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
    """The bytes as text, with line ends as newlines; None where they are none."""
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        if b"\0" in data:
            return None
        text = data.decode("cp1252", errors="replace")
    return None if "\0" in text else text.replace("\r\n", "\n").replace("\r", "\n")


def _shown(file: Attachment) -> str:
    """The file's name, short and harmless in a line of text."""
    name = "".join(letter for letter in file.name if letter.isalnum() or letter in " ._-+()")
    return name.strip()[-80:] or "a file"
