"""Fetches one large file so that nothing that came is fetched twice.

The Hub's own library begins a file again when it was interrupted in the middle; a shard has up to
ten gigabytes. Here what came lies in ``<name>.incomplete`` until it is whole and its checksum is
right, and the next try asks for the rest (RFC 9110, section 14).
"""

import asyncio
import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import aiohttp

from bot.errors import ModelError
from bot.models.errors import refused, unreachable, unwritable
from bot.models.hub import HubFile

logger = logging.getLogger(__name__)

CHUNK = 1 << 20
TRIES = 5
"""Failures in a row, the last ones without a byte, after which it is given up."""
FIRST_WAIT = 1.0
"""Seconds before the second try; each further wait is twice as long."""

Arrived = Callable[[int], None]
"""Told how many more bytes are there; a negative number takes some back."""


class Fetcher:
    """Fetches files of one model into the cache's folder of blobs."""

    def __init__(
        self, http: aiohttp.ClientSession, name: str, arrived: Arrived, *, wait: float = FIRST_WAIT
    ) -> None:
        """`name` is the model's, for messages."""
        self._http = http
        self._name = name
        self._arrived = arrived
        self._wait = wait

    async def fetch(self, url: str, file: HubFile, target: Path) -> None:
        """Have `file` at `target`; at once where it is there. Raises ModelError with one line;
        what came so far stays, unless its checksum is wrong."""
        if _size(target):
            self._arrived(file.size)
            return
        partial = target.with_name(f"{target.name}.incomplete")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._arrived(_size(partial))
            await self._complete(url, file, partial)
            await asyncio.to_thread(self._check, file, partial)
            partial.replace(target)
        except OSError as exc:
            raise unwritable(self._name, exc) from exc

    async def _complete(self, url: str, file: HubFile, partial: Path) -> None:
        """Ask for what is missing until nothing is."""
        failures = 0
        while True:
            before = _size(partial)
            try:
                if await self._continue(url, file, partial) >= file.size:
                    return
                failure: Exception = EOFError("the connection ended too early")
            except (aiohttp.ClientError, TimeoutError) as exc:
                failure = exc
            size = _size(partial)
            failures = 1 if size > before else failures + 1
            if failures >= TRIES:
                raise unreachable(self._name, failure) from failure
            logger.info("%s: %s; going on from byte %d", file.path, failure, size)
            await asyncio.sleep(self._wait * 2 ** (failures - 1))

    async def _continue(self, url: str, file: HubFile, partial: Path) -> int:
        """One request for the rest; the file's size after it."""
        have = _size(partial)
        if have == file.size:
            return have
        headers = {"Range": f"bytes={have}-"} if 0 < have < file.size else {}
        async with self._http.get(url, headers=headers) as response:
            if response.status not in (200, 206):
                await self._refuse(response)
            if response.status == 200 and have:  # it begins at the beginning after all
                self._arrived(-have)
                have = 0
            with partial.open("r+b" if have else "wb") as out:
                out.seek(have)
                async for chunk in response.content.iter_chunked(CHUNK):
                    await asyncio.to_thread(out.write, chunk)
                    have += len(chunk)
                    self._arrived(len(chunk))
        return have

    async def _refuse(self, response: aiohttp.ClientResponse) -> None:
        if response.status in (408, 429) or response.status >= 500:
            raise aiohttp.ClientError(f"HTTP {response.status}")
        code = response.headers.get("X-Error-Code", "")
        said = response.headers.get("X-Error-Message", "")
        raise refused(self._name, response.status, code, said)

    def _check(self, file: HubFile, partial: Path) -> None:
        with partial.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        if digest != file.etag:
            partial.unlink()
            raise ModelError(
                f"{file.path} of {self._name} arrived damaged (wrong checksum) and was deleted: "
                "run the same command again."
            )


def _size(path: Path) -> int:
    """Bytes; 0 where there is no such file."""
    return path.stat().st_size if path.exists() else 0
