"""Connections on which nothing comes, or too slowly, on the loopback interface."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parley.web.live import Live
from parley.web.patience import Patience
from parley.web.server import serving_web
from tests.limits import seconds
from tests.parley.web.scene import web_settings

REQUEST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
FORM = (
    b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\ncsrf="
)


@asynccontextmanager
async def connection(
    folder: Path, patience: Patience
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """An open connection to a server with this patience; the test ends in time."""
    async with serving_web(Live(web_settings(folder), []), None, patience) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        try:
            async with asyncio.timeout(seconds(20)):
                yield reader, writer
        finally:
            writer.close()


async def dribbled(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sent: bytes
) -> bytes:
    """What the server sends until it closes the connection, while one byte comes after another."""

    async def send() -> None:
        while True:
            await asyncio.sleep(0.05)
            writer.write(sent)

    sending = asyncio.create_task(send())
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        sending.cancel()


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    length = next(line for line in head.lower().split(b"\r\n") if b"content-length" in line)
    await reader.readexactly(int(length.partition(b":")[2]))


async def test_a_connection_without_a_request_is_closed(tmp_path: Path) -> None:
    async with connection(tmp_path, Patience(idle=0.2)) as (reader, _):
        assert await reader.read() == b""


async def test_a_connection_that_was_used_is_closed_when_it_is_idle(tmp_path: Path) -> None:
    async with connection(tmp_path, Patience(idle=0.5)) as (reader, writer):
        await answered(reader, writer)
        await answered(reader, writer)  # kept alive
        assert await reader.read() == b""


@pytest.mark.parametrize("used", [False, True])
async def test_headers_that_come_byte_by_byte_do_not_keep_it_open(
    tmp_path: Path, used: bool
) -> None:
    async with connection(tmp_path, Patience(idle=0.5)) as (reader, writer):
        if used:
            await answered(reader, writer)
        writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert await dribbled(reader, writer, b"a") == b""


async def test_a_form_that_comes_byte_by_byte_is_refused_and_its_connection_closed(
    tmp_path: Path,
) -> None:
    async with connection(tmp_path, Patience(body=0.3)) as (reader, writer):
        writer.write(FORM)
        said = await dribbled(reader, writer, b"a")
        assert said.startswith(b"HTTP/1.1 408")
        assert b"did not come in time" in said


async def test_a_form_of_another_kind_is_refused_as_before(tmp_path: Path) -> None:
    async with connection(tmp_path, Patience()) as (reader, writer):
        wrong = b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5\r\n\r\n--x--"
        writer.write(b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\n" + wrong)
        assert (await reader.readline()).startswith(b"HTTP/1.1 403")
