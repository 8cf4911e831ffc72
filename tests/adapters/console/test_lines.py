"""Lines that are typed, and lines from a pipe."""

import asyncio
import io
import os
import threading
from collections.abc import Iterator

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput

from adapters.console.lines import PipedLines, TypedLines


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


async def test_enter_sends_and_alt_enter_begins_another_line(keys: PipeInput) -> None:
    keys.send_text("one\x1b\rtwo\r")
    assert await TypedLines(keys).read() == "one\ntwo"


async def test_pasted_text_is_one_question(keys: PipeInput) -> None:
    keys.send_text("\x1b[200~one\rtwo\r\x1b[201~three\r")
    assert await TypedLines(keys).read() == "one\ntwo\nthree"


@pytest.mark.parametrize("leaving", ["\x03", "\x04"])
async def test_ctrl_c_and_ctrl_d_leave_an_empty_prompt(keys: PipeInput, leaving: str) -> None:
    keys.send_text(leaving)
    assert await TypedLines(keys).read() is None


async def test_ctrl_c_takes_back_what_was_typed(keys: PipeInput) -> None:
    keys.send_text("wrong\x03right\r")
    assert await TypedLines(keys).read() == "right"


async def test_the_up_arrow_finds_earlier_questions(keys: PipeInput) -> None:
    keys.send_text("\x1b[A\x1b[A\r")
    lines = TypedLines(keys)
    lines.remember(["first", "second"])
    assert await lines.read() == "first"


async def test_ctrl_c_during_an_answer_interrupts_and_other_keys_wait(keys: PipeInput) -> None:
    lines = TypedLines(keys)
    interrupted = asyncio.Event()
    with lines.interruptible(interrupted.set):
        keys.send_text("next\x03")
        await interrupted.wait()
    keys.send_text("\r")
    assert await lines.read() == "next"


# ---------------------------------------------------------------- piped


def piped(data: bytes) -> io.FileIO:
    reading, writing = os.pipe()
    threading.Thread(target=_write_and_close, args=(writing, data), daemon=True).start()
    return io.FileIO(reading)


def _write_and_close(file: int, data: bytes) -> None:
    with os.fdopen(file, "wb") as out:
        out.write(data)


async def all_lines(data: bytes) -> list[str]:
    with piped(data) as source:
        lines = PipedLines(source)
        found = []
        while (line := await lines.read()) is not None:
            found.append(line)
        return found


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"one\ntwo\n", ["one", "two"]),
        (b"one\r\n\ntwo", ["one", "", "two"]),
        ("Grüße\n".encode(), ["Grüße"]),
        (b"\xff\n", ["\ufffd"]),
    ],
)
async def test_a_pipe_gives_its_lines(data: bytes, lines: list[str]) -> None:
    assert await all_lines(data) == lines


async def test_a_long_pipe_is_read_to_its_end() -> None:
    data = b"".join(b"line %d\n" % n for n in range(20_000))
    assert len(await all_lines(data)) == 20_000
