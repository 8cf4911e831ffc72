"""Adds the content of attached text files to a question.

Files that are not text, or larger than `MOST_BYTES`, are not read, whatever size they declare;
content beyond a limit of characters is cut. The download of all files of a message is limited to
`SECONDS`. For each file that was left out or cut there is a note for the person, one line.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from bot.errors import SurfaceError
from bot.names import clean_file_name

if TYPE_CHECKING:
    import aiohttp  # slow to import, and the terminal downloads nothing

logger = logging.getLogger(__name__)

MOST_BYTES = 1024 * 1024
"""The largest file that is read: 1 MiB. A file that declares more is not downloaded; of any other
file, at most one byte more is received."""

SECONDS = 30.0
"""The time limit for the download of all files of a message."""

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
    """A file that was sent with a message."""

    name: str
    content_type: str
    """The MIME type as the platform reports it; "" where it reports none."""
    size: int
    """Bytes, as the platform declares it; the content may be larger."""
    read: Callable[[int], Awaitable[bytes]]
    """Downloads the first bytes of the content, at most as many as the argument says. Raises
    SurfaceError where it fails."""


@dataclass(frozen=True, slots=True)
class Composed:
    """The text of a question with that of its files."""

    text: str
    notes: tuple[str, ...]
    """For the person, one per thing that was left out or cut."""
    pointed: str = ""
    """The part of `text` that others wrote, or that was said before: it stands above the question,
    and stays when the question is edited."""


async def compose(text: str, files: Sequence[Attachment], most: int) -> Composed:
    """The question `text` followed by the content of `files` in order, of which it takes `most`
    characters in all. Raises nothing: a file that cannot be read becomes a note."""
    parts, notes = await FileReader(most).read(files)
    return Composed("\n\n".join(part for part in (text.strip(), *parts) if part), tuple(notes))


class FileReader:
    """Reads the files of one question: all of them share a number of characters and the time of the
    download, which begins now."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self._deadline = asyncio.get_running_loop().time() + SECONDS

    async def read(
        self, files: Sequence[Attachment], most: int | None = None
    ) -> tuple[list[str], list[str]]:
        """The texts of `files` in order, and a note for each that was left out or cut. Takes `most`
        characters at most, None: as many as are left. Raises nothing."""
        if most is not None:
            self._left = max(0, min(self._left, most))
        parts, notes = [], []
        for file in files:
            content, note = await _content(file, self._deadline)
            if content is not None and not self._left:
                content = None
                most_read = f"I read {self._most:,} characters of files at most."
                note = f"{_shown(file)} was left out: {most_read}"
            if content is not None and len(content) > self._left:
                note = f"{_shown(file)} is long: I read its first {self._left:,} characters."
                content = f"{content[: self._left]}\n(cut here)"
            if content is not None:
                self._left = max(0, self._left - len(content))
                parts.append(f"File {_shown(file)}:\n{content}\n(end of {_shown(file)})")
            if note:
                notes.append(note)
        return parts, notes


async def read_at_most(response: "aiohttp.ClientResponse", most: int) -> bytes:
    """The first `most` bytes of a response's body; the rest is not received. Raises what aiohttp
    raises."""
    data = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        data += chunk[: most - len(data)]
        if len(data) >= most:
            break
    return bytes(data)


async def _content(file: Attachment, deadline: float) -> tuple[str | None, str]:
    """The text of a file, None where it is left out, and a note, "" where there is nothing to
    say. `deadline` is a time of the event loop's clock."""
    name = _shown(file)
    if not looks_like_text(file):
        return None, f"{name} was left out: I read text files only."
    if file.size > MOST_BYTES:
        return None, _too_large(name, f"{file.size / MOST_BYTES:,.1f} MB")
    try:
        async with asyncio.timeout_at(deadline):
            data = await file.read(MOST_BYTES + 1)
    except SurfaceError as error:
        logger.warning("an attachment could not be downloaded: %s", error)
        return None, f"{name} was left out: it could not be downloaded."
    except TimeoutError:
        return None, f"{name} was left out: its download took longer than {SECONDS:g} seconds."
    if len(data) > MOST_BYTES:
        return None, _too_large(name, "more than 1 MB")
    content = _decoded(data)
    if content is None:
        return None, f"{name} was left out: it is not a text file."
    if not content.strip():
        return None, f"{name} is empty."
    return content.strip("\n"), ""


def _too_large(name: str, size: str) -> str:
    return f"{name} was left out: it has {size}, and I read text up to 1 MB."


def looks_like_text(file: Attachment) -> bool:
    """Whether a file is worth reading, by its type and its name."""
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
    return clean_file_name(file.name)
