"""A Python process is asked in JSON, and ends when its user does, whatever it does itself."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from parley import python_process
from parley.python_process import Conversation, ProcessFailed, result_of, started
from tests.until import until

pytestmark = pytest.mark.process

ECHO = "import json, sys; print('noise'); print(json.dumps({'got': json.load(sys.stdin)}))"
"""Prints a line of its own, as libraries do, and then what it was asked."""
LINES = """
import sys
for line in sys.stdin:
    print("noise")
    print("@ " + line, end="", flush=True)
"""


async def test_the_answer_is_the_json_that_it_prints_last() -> None:
    assert await result_of("-c", ECHO, request={"a": "ü"}) == {"got": {"a": "ü"}}
    assert await result_of("-c", "print('[1,\\n2]')") == [1, 2]


async def test_it_runs_in_the_environment_that_it_is_given() -> None:
    script = "import os; print(len(os.environ.get('PARLEY_HERE', '')))"
    environment = {**os.environ, "PARLEY_HERE": "abc"}
    assert await result_of("-c", script, environment=environment) == 3
    assert await result_of("-c", script) == 0


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("", r"without a result \(exit code 0\)$"),
        ("print('no JSON')", r"without a result \(exit code 0\)$"),
        ("raise SystemExit('no such library')", r"\(exit code 1\): no such library$"),
    ],
)
async def test_without_a_result_the_reason_is_one_line(script: str, said: str) -> None:
    with pytest.raises(ProcessFailed, match=said):
        await result_of("-c", script, stderr=PIPE)


async def test_what_it_prints_beside_the_result_is_shown_only_where_that_is_wanted() -> None:
    with pytest.raises(ProcessFailed) as caught:
        await result_of("-c", "raise SystemExit('no such library')")
    assert str(caught.value) == "the process ended without a result (exit code 1)"


async def test_one_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(ProcessFailed, match=r"^no result within 0\.1 seconds$"):
        await result_of("-c", "import time; time.sleep(600)", seconds=0.1)


async def test_an_interpreter_that_is_not_there_is_named() -> None:
    with pytest.raises(ProcessFailed, match=r"^/no/python cannot be started \(No such file"):
        await result_of("-c", "", python="/no/python")


async def test_its_lines_are_answers_where_they_begin_with_the_mark() -> None:
    async with started("-c", LINES) as process:
        conversation = Conversation(process)
        assert await conversation.ask({"n": 1}, "@ ") == {"n": 1}
        assert await conversation.ask([2], "@ ") == [2]


async def test_a_line_that_is_too_long_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python_process, "LONGEST_LINE", 1000)
    async with started("-c", LINES) as process:
        with pytest.raises(ProcessFailed, match="its process gave no answer"):
            await Conversation(process).ask("x" * 5000, "@ ")


@pytest.mark.parametrize("script", ["", "input(); print('@ no JSON')"])
async def test_without_an_answer_the_question_fails(script: str) -> None:
    async with started("-c", script) as process:
        with pytest.raises(ProcessFailed, match="its process"):
            await Conversation(process).ask(1, "@ ")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
async def test_it_ends_with_whoever_waits_for_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    script = f"import os, time; open({str(file)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    waiting = asyncio.create_task(result_of("-c", script))
    await until(lambda: file.exists() and file.read_text() != "")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)
