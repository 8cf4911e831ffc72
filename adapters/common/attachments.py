"""Text files that people attach become part of their question; the same on every platform.

Nothing is read that is not text or is larger than `MOST_BYTES`, whatever size it declares; what
does not fit is cut. All files of a message have `SECONDS` to arrive. The person is told of what is
missing, in one line for each file.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import aiohttp

from bot.errors import SurfaceError

logger = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024
"""A file that declares more is not fetched; of others, one byte more is read at most."""

SECONDS = 30.0
"""The time in which all files of a message must arrive."""

_CHUNK = 64 * 1024

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
    """A file beside a message. `read` fetches its first bytes, as many as the argument says, and
    raises SurfaceError where it cannot."""

    name: str
    content_type: str
    """As the platform says; "" where it doesn't."""
    size: int
    """Bytes, as declared; the content may have more."""
    read: Callable[[int], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Composed:
    """A question with its files."""

    text: str
    notes: tuple[str, ...]
    """For the person: what was left out or cut. Empty where all was taken."""


async def compose(text: str, files: Sequence[Attachment], most: int) -> Composed:
    """The question `text` followed by the text of `files`, `most` characters of them in all."""
    parts, notes, left = [text.strip()], [], most
    deadline = asyncio.get_running_loop().time() + SECONDS
    for file in files:
        content, note = await _content(file, deadline)
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


async def read_at_most(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The first `most` bytes of a response's body; the rest is not received. Raises what aiohttp
    raises."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        data += chunk[: most - len(data)]
        if len(data) >= most:
            break
    return bytes(data)


async def _content(file: Attachment, deadline: float) -> tuple[str | None, str]:
    """The text of a file and a note, of which one may be missing. `deadline` is a time of the event
    loop."""
    name = _shown(file)
    if not _looks_like_text(file):
        return None, f"{name} was left out: I read text files only."
    if file.size > MOST_BYTES:
        return None, _too_large(name, f"{file.size / MOST_BYTES:,.1f} MB")
    try:
        async with asyncio.timeout_at(deadline):
            data = await file.read(MOST_BYTES + 1)
    except SurfaceError as error:
        logger.warning("an attachment could not be fetched: %s", error)
        return None, f"{name} was left out: it could not be fetched."
    except TimeoutError:
        return None, f"{name} was left out: it did not arrive within {SECONDS:g} seconds."
    if len(data) > MOST_BYTES:
        return None, _too_large(name, "more than 1 MB")
    content = _decoded(data)
    if content is None:
        return None, f"{name} was left out: it says that it is text, but it is not."
    if not content.strip():
        return None, f"{name} is empty."
    return content.strip("\n"), ""


def _too_large(name: str, size: str) -> str:
    return f"{name} was left out: it has {size}, and I read text up to 1 MB."


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
