"""Downloads one large file over HTTP, resuming after interruptions.

huggingface_hub downloads an interrupted file again from its beginning, and a shard of weights has
up to ten gigabytes. Here the bytes are kept in ``<name>.incomplete`` until the file is complete and
its checksum is right; each retry requests the rest with a Range header (RFC 9110, section 14).
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
"""Bytes that are written at a time."""

TRIES = 5
"""Failures in a row without a new byte after which the download fails."""

FIRST_WAIT = 1.0
"""Seconds before the first retry; the backoff doubles with each further one."""

Arrived = Callable[[int], None]
"""Called with the number of bytes that have arrived; negative where some were discarded."""


class Fetcher:
    """Downloads files of one model into the blobs folder of the cache."""

    def __init__(
        self, http: aiohttp.ClientSession, name: str, arrived: Arrived, *, wait: float = FIRST_WAIT
    ) -> None:
        """`name` is the model's, for error messages; `wait` is the first backoff, in seconds."""
        self._http = http
        self._name = name
        self._arrived = arrived
        self._wait = wait

    async def fetch(self, url: str, file: HubFile, target: Path) -> None:
        """Download `file` to `target`, which appears only when it is complete and its SHA-256 is
        right. Returns at once where it exists. Raises ModelError with one line; the bytes so far
        are kept, unless the checksum is wrong."""
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
        """Request the missing rest, with retries, until there is none."""
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
            logger.info("%s: %s; resuming at byte %d", file.path, failure, size)
            await asyncio.sleep(self._wait * 2 ** (failures - 1))

    async def _continue(self, url: str, file: HubFile, partial: Path) -> int:
        """Make one request for the rest; return the size of the file after it."""
        have = _size(partial)
        if have == file.size:
            return have
        headers = {"Range": f"bytes={have}-"} if 0 < have < file.size else {}
        async with self._http.get(url, headers=headers) as response:
            if response.status not in (200, 206):
                await self._refuse(response)
            if response.status == 200 and have:  # the server ignores the range
                self._arrived(-have)
                have = 0
            with partial.open("r+b" if have else "wb") as out:
                out.seek(have)
                async for chunk in response.content.iter_chunked(CHUNK):
                    wanted = chunk[: file.size - have]
                    await asyncio.to_thread(out.write, wanted)
                    have += len(wanted)
                    self._arrived(len(wanted))
                    if len(wanted) < len(chunk):  # more than it should have: the checksum tells
                        break
        return have

    async def _refuse(self, response: aiohttp.ClientResponse) -> None:
        """Raise ClientError for a status that a retry may cure, ModelError for any other."""
        if response.status in (408, 429) or response.status >= 500:
            raise aiohttp.ClientError(f"HTTP {response.status}")
        code = response.headers.get("X-Error-Code", "")
        said = response.headers.get("X-Error-Message", "")
        raise refused(self._name, response.status, code, said)

    def _check(self, file: HubFile, partial: Path) -> None:
        """Delete the file and raise ModelError where its SHA-256 is wrong. Blocks."""
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
