"""HTTP requests to model servers, within bounds.

Whatever a server sends, a request ends in a bounded time, takes a bounded amount of memory, and
fails as a GenerationError that names the address:

- Redirects are not followed, so that no conversation is sent to a host that nobody configured.
- Responses are requested uncompressed and never decompressed here, so that none can expand.
- Bodies are read up to a limit, and within a time limit.
- There are no cookies, and each request has its own connection, because some servers close idle
  connections just when the next request is sent, which then may or may not have been received.
"""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import aiohttp

from bot.errors import GenerationError
from bot.url_passwords import without_passwords

SETTING = "[model.openai] base_urls"
MOST_JSON = 4 << 20
"""Bytes of a JSON response: the token ids of half a million tokens."""
MOST_IDLE_BYTES = 16 << 20
"""Bytes of a stream without any text among them."""
_MOST_ERROR = 64 << 10
"""Bytes that are read of the body of an error response."""
_ERROR_SECONDS = 5.0
_SHOWN = 300
"""Characters that are shown of what a server says."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)


class HttpError(GenerationError):
    """A server answered with an HTTP status other than 200."""

    def __init__(self, url: str, status: int, body: str = "") -> None:
        """`body` is the beginning of the response's body."""
        self.url = url
        self.status = status
        self.said, self.parameter = error_message(body)
        """What the server says about the error, and the parameter that it names as the cause."""
        said = f"{url} answers HTTP {status}: {self.said}".rstrip(": .")
        super().__init__(without_passwords(said))

    @property
    def retryable(self) -> bool:
        """Whether another server, or the same one later, may accept the request."""
        return self.status in (408, 425, 429) or self.status >= 500


class BadStream(GenerationError):
    """What a server streams is no answer. The text continues a sentence that begins with the
    server's address."""


class IdleLimit:
    """Ends a stream that goes on without text: keep-alives, comments, empty events."""

    def __init__(self, seconds: float) -> None:
        """`seconds` is the longest time without text."""
        self._seconds = seconds
        self._bytes = 0
        self.reset()

    def reset(self, seconds: float | None = None) -> None:
        """Begin anew, because there was text; from now on with a limit of `seconds`, if given."""
        self._seconds = self._seconds if seconds is None else seconds
        self._bytes = 0
        self.deadline = asyncio.get_running_loop().time() + self._seconds

    def add(self, size: int) -> None:
        """Count `size` bytes. Raises BadStream when there are too many without text."""
        self._bytes += size
        if self._bytes > MOST_IDLE_BYTES:
            raise BadStream(f"sent {MOST_IDLE_BYTES >> 20} MB without any text")


class ServerClient:
    """Requests with one API key. All methods raise GenerationError, as HttpError for a status other
    than 200."""

    def __init__(self, api_key: str, *, connect_seconds: float, silence_seconds: float) -> None:
        """`silence_seconds` is the longest time in which a server sends nothing at all."""
        self._key = api_key.strip()
        self._connect_seconds = connect_seconds
        self._silence_seconds = silence_seconds
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Needs a running event loop. Idempotent."""
        if self._session is not None:
            return
        headers = {"Accept-Encoding": "identity"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._connect_seconds, sock_read=self._silence_seconds
            ),
        )

    async def aclose(self) -> None:
        """Close all connections. Idempotent; `open` may follow."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def get_json(self, url: str, seconds: float) -> Any:
        """The JSON value at `url`, within `seconds`."""
        return await self._json("GET", url, None, seconds)

    async def post_json(self, url: str, body: dict[str, Any], seconds: float) -> Any:
        """The JSON response to `body`, within `seconds`."""
        return await self._json("POST", url, body, seconds)

    async def stream(
        self, url: str, body: dict[str, Any], idle: IdleLimit
    ) -> AsyncGenerator[bytes]:
        """The pieces of the response to `body`, until its end or the limit `idle`. Closing the
        generator closes the connection."""
        response = await self._open("POST", url, body, idle.deadline)
        try:
            if (kind := response.content_type) == "text/html":
                raise BadStream(f"sent a page ({kind}), not an answer: correct {SETTING}.")
            while piece := await self._piece(url, response, idle.deadline):
                idle.add(len(piece))
                yield piece
                # Data that has arrived already is read without a pause. Let other tasks run.
                await asyncio.sleep(0)
        finally:
            response.close()

    async def _json(
        self, method: str, url: str, body: dict[str, Any] | None, seconds: float
    ) -> Any:
        deadline = asyncio.get_running_loop().time() + seconds
        response = await self._open(method, url, body, deadline)
        try:
            content = bytearray()
            while piece := await self._piece(url, response, deadline):
                content += piece
                if len(content) > MOST_JSON:
                    raise _failure(url, f"answers with over {MOST_JSON >> 20} MB")
            return parse_json(content)
        except ValueError as error:
            raise _failure(url, "does not answer with JSON") from error
        finally:
            response.close()

    async def _open(
        self, method: str, url: str, body: dict[str, Any] | None, deadline: float
    ) -> aiohttp.ClientResponse:
        """The response with status 200, of which the body is still to be read."""
        if self._session is None:
            raise GenerationError("the connection to the model server is closed")
        try:
            async with asyncio.timeout_at(deadline):
                response = await self._session.request(
                    method, url, json=body, allow_redirects=False
                )
        except _FAILURES as error:
            raise _failure(f"{url}:", self._hidden(why(error))) from error
        try:
            if response.status in _REDIRECTS:
                target = shown(response.headers.get("Location", "another address"))
                raise _failure(
                    url,
                    f"redirects to {target}, which is not followed: set {SETTING} to the address "
                    "that answers itself.",
                )
            if response.status != 200:
                raise HttpError(url, response.status, await self._error_body(response))
            encoding = response.headers.get("Content-Encoding", "identity")
            if encoding.lower() != "identity":
                raise _failure(
                    url,
                    f"sends a compressed response ({shown(encoding)}), though it was asked not to: "
                    "switch compression off in the server or the proxy before it.",
                )
        except BaseException:
            response.close()
            raise
        return response

    async def _piece(self, url: str, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """The next piece of the body; empty at its end."""
        try:
            async with asyncio.timeout_at(deadline):
                return await response.content.readany()
        except _FAILURES as error:
            raise _failure(f"{url}:", self._hidden(why(error))) from error

    async def _error_body(self, response: aiohttp.ClientResponse) -> str:
        """What can be read of it, in a short time and without the API key."""
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            return ""
        body = bytearray()
        with suppress(*_FAILURES):
            async with asyncio.timeout(_ERROR_SECONDS):
                while len(body) < _MOST_ERROR and (piece := await response.content.readany()):
                    body += piece
        return self._hidden(body[:_MOST_ERROR].decode("utf-8", "replace"))

    def _hidden(self, text: str) -> str:
        """`text` without the API key, which some servers repeat when they refuse it."""
        return text.replace(self._key, "[key]") if self._key else text


def _failure(url: str, text: str) -> GenerationError:
    """The error for the operator about the server at `url`, without a password of the address."""
    return GenerationError(without_passwords(f"{url} {text}"))


def parse_json(text: bytes | bytearray | str) -> Any:
    """The JSON value. Invalid UTF-8 is replaced by U+FFFD. Raises ValueError for all else that is
    not JSON, and where it is nested too deeply."""
    if not isinstance(text, str):
        text = text.decode("utf-8-sig", "replace")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def error_message(body: str) -> tuple[str, str]:
    """What a server says about an error, on one line, and the parameter that it names, or "".

    The forms are OpenAI's (``error.message`` and ``error.param``), vLLM's older one (``message``)
    and FastAPI's (``detail``). Text that such errors repeat from the request is left out, because
    it may be what people wrote.
    """
    try:
        value = parse_json(body)
    except ValueError:
        return shown(body), ""
    if not isinstance(value, dict):
        return shown(body), ""
    error = value.get("error") or value
    if not isinstance(error, dict):
        return shown(str(error)), ""
    parameter = error.get("param")
    said = error.get("message") or error.get("detail") or error.get("error") or "no reason is given"
    if isinstance(said, list):
        said = "; ".join(_detail(entry) for entry in said)
    return shown(str(said)), parameter if isinstance(parameter, str) else ""


def _detail(entry: Any) -> str:
    """One of FastAPI's validation errors, without its ``input``."""
    if not isinstance(entry, dict):
        return ""
    place = entry.get("loc")
    names = place if isinstance(place, list) else [place]
    return f"{'.'.join(map(str, names))}: {entry.get('msg', '')}"


def shown(text: str) -> str:
    """The beginning of `text` on one line, up to where it repeats the request."""
    text = text[: 4 * _SHOWN].partition("'input'")[0]
    printable = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(printable.split())[:_SHOWN]


def why(error: BaseException) -> str:
    """The text of `error`, or the name of its class where it has none."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__
