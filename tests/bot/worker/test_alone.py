"""The process that generates for `parley bench` without Parley around it."""

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

import pytest

from bot.generation.process import WORKER
from bot.worker.alone import MARK
from bot.worker.protocol import LoadOptions
from parley.python_process import Conversation, started

pytestmark = pytest.mark.process


@asynccontextmanager
async def conversation() -> AsyncIterator[Conversation]:
    async with started(WORKER, "alone") as process:
        yield Conversation(process)


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGINT for one process")
async def test_ctrl_c_is_left_to_the_program_that_started_it() -> None:
    async with conversation() as talk:
        load = asdict(LoadOptions("scripted", "", "cpu", script="one two three four five"))
        ready = await talk.ask({"way": "engine", "load": load}, MARK)
        assert ready["error"] == "", ready
        talk.process.send_signal(signal.SIGINT)
        asked = {"prompts": [[1, 2, 3]], "stop": [], "tokens": 4}
        assert (await talk.ask(asked, MARK))["error"] == ""


async def test_what_cannot_be_loaded_is_told_in_one_line() -> None:
    async with conversation() as talk:
        answer = await talk.ask({"way": "engine", "load": {"no": "such field"}}, MARK)
        assert "TypeError" in answer["error"]
        assert "\n" not in answer["error"]
