"""A loopback HTTP server that sends exactly the bytes that a test wants, however wrong they are."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Reply = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]
"""Writes a response; the connection is closed afterwards."""


@dataclass
class RawServer:
    """Answers each path with its reply, others with HTTP 404."""

    replies: dict[str, Reply] = field(default_factory=dict)
    requests: list[Received] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a client has closed the connection in the middle of a reply."""
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    """The replies that are being written."""
    root: str = ""

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def to(self, path: str) -> list[Received]:
        """The requests to `path`."""
        return [request for request in self.requests if request.path == path]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        try:
            request = await _read(reader)
            self.requests.append(request)
            await self.replies.get(request.path, plain(status=404))(request, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            self.tasks.discard(task)
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, json.loads(body or b"{}"))


@asynccontextmanager
async def raw_server(**replies: Reply) -> AsyncIterator[RawServer]:
    """A server that lists the model "llama"; `replies` are by the last part of the path."""
    paths = {"models": "/v1/models", "chat": "/v1/chat/completions", "tags": "/api/tags"}
    models = plain({"data": [{"id": "llama"}]})
    by_path = {paths.get(name, f"/{name}"): reply for name, reply in replies.items()}
    server = RawServer({"/v1/models": models, **by_path})
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    host, port = listening.sockets[0].getsockname()
    server.root = f"http://{host}:{port}"
    try:
        yield server
    finally:
        listening.close()
        tasks = list(server.tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def plain(body: Any = b"", *, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    """A response with `body`: bytes, or a value for JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    async def reply(_: Received, writer: asyncio.StreamWriter) -> None:
        fields = {"Content-Length": str(len(content)), "Connection": "close", **(headers or {})}
        writer.write(_head(status, fields) + content)

    return reply


def stream(
    *pieces: bytes,
    end: str = "regular",
    status: int = 200,
    headers: dict[str, str] | None = None,
    every: float = 0.0,
) -> Reply:
    """A response in chunks, `every` so many seconds. Its `end` is "regular", "cut" (the connection
    closes before the last chunk), "hang" (nothing more comes) or "again" (the last piece is
    repeated without end)."""

    async def reply(_: Received, writer: asyncio.StreamWriter) -> None:
        fields = {"Transfer-Encoding": "chunked", "Content-Type": "text/event-stream"}
        writer.write(_head(status, {**fields, **(headers or {})}))
        for piece in pieces:
            await _chunk(writer, piece, every)
        while end == "again":
            await _chunk(writer, pieces[-1], every)
        if end == "hang":
            await asyncio.Event().wait()
        if end == "regular":
            writer.write(b"0\r\n\r\n")

    return reply


async def _chunk(writer: asyncio.StreamWriter, piece: bytes, every: float) -> None:
    writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
    await writer.drain()
    await asyncio.sleep(every)


def raw(content: bytes) -> Reply:
    """Just `content`, and the end of the connection."""

    async def reply(_: Received, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(content)

    return reply


def in_turn(*replies: Reply) -> Reply:
    """The `replies` to one request after the other; the last one to all that follow."""
    left = list(replies)

    async def reply(request: Received, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, writer)

    return reply


def event(text: Any = None, **choice: Any) -> bytes:
    """A chat completion chunk whose ``delta.content`` is `text`."""
    delta = {} if text is None else {"content": text}
    return b"data: %b\n\n" % json.dumps({"choices": [{"delta": delta, **choice}]}).encode()


DONE = b"data: [DONE]\n\n"
STOP = event(finish_reason="stop")


def _head(status: int, fields: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Text", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()
