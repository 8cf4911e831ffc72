"""`parley slack`, and `parley run` on a loopback Slack as people run it."""

import asyncio
import json
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from adapters.slack.manifest import app_manifest
from bot.clock import SystemClock
from tests.parley.parley_program import MAIN, Program
from tests.slack_loopback import APP_TOKEN, LoopbackSlack, Someone
from tests.until import until

SCRIPT = " ".join(f"word{number}" for number in range(60))


def test_the_manifest_is_printed_as_slack_takes_it(program: Program) -> None:
    ended = program.run("slack", "manifest")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == app_manifest()


def test_in_http_mode_the_manifest_names_the_address(program: Program) -> None:
    program.settings["PARLEY_SLACK__MODE"] = "http"
    refused = program.run("slack", "manifest")
    assert refused.returncode == 1
    assert refused.stderr.startswith("parley: [slack] public_url is not set")
    assert refused.stderr.count("\n") == 1
    program.settings["PARLEY_SLACK__PUBLIC_URL"] = "https://parley.example.org/"
    made = json.loads(program.run("slack", "manifest").stdout)
    url = "https://parley.example.org/slack/events"
    assert made["settings"]["event_subscriptions"]["request_url"] == url


def test_a_wrong_id_in_the_settings_is_one_line(program: Program) -> None:
    program.settings["PARLEY_SLACK__ADMIN_PEOPLE"] = "ana"
    ended = program.run("slack", "manifest")
    assert ended.returncode == 1
    assert "PARLEY_SLACK__ADMIN_PEOPLE" in ended.stderr
    assert "U024BE7LH" in ended.stderr


@asynccontextmanager
async def running(program: Program, slack: LoopbackSlack) -> AsyncIterator[Process]:
    """`parley run` on the loopback Slack, connected."""
    program.settings |= {
        "PARLEY_SLACK__BOT_TOKEN": slack.team.bot_token,
        "PARLEY_SLACK__APP_TOKEN": APP_TOKEN,
        "PARLEY_SLACK__BASE_URL": slack.url,
        "PARLEY_DELIVERY__EDIT_INTERVAL": "0.05",
        "PARLEY_DELIVERY__CHECKPOINT_INTERVAL": "0.05",
        "PARLEY_MODEL__SCRIPTED__TEXT": SCRIPT,
        "PARLEY_MODEL__SCRIPTED__TOKENS_PER_SECOND": "20",
    }
    process = await asyncio.create_subprocess_exec(
        *MAIN,
        "run",
        env=program.environment,
        cwd=program.folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert (await process.stdout.readline()).startswith(b"Loading ")
        line = await process.stdout.readline()
        assert line == b"Slack: answering in workspace T1, by Socket Mode\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("where", ["in a thread", "below the question", "in the channel"])
async def test_an_answer_that_a_kill_cut_goes_on_in_its_message_after_the_restart(
    program: Program, where: str
) -> None:
    streamed = where != "in the channel"
    program.settings["PARLEY_SLACK__REPLY_IN"] = "thread" if streamed else "channel"
    async with LoopbackSlack(SystemClock()) as slack:
        team, ana = slack.team, Someone(slack, "U1", "Ana")
        team.channel("C1")
        first = ana.post("C1", "A thread")
        thread = first.ts if where == "in a thread" else ""
        async with running(program, slack) as process:
            asked = await ana.mention("C1", "Count.", thread=thread)
            thread = asked.ts if where == "below the question" else thread
            # its message is recorded then: see docs/reliability.md, "What is left"
            await until(lambda: any("word4" in m.shown for m in team.answers("C1", thread)))
            (answer,) = team.answers("C1", thread)
            assert answer.streaming is streamed
            process.kill()
            await process.wait()
        assert not answer.shown.endswith("word59")
        async with running(program, slack) as process:
            await until(lambda: answer.shown.endswith("word59"))
            await until(lambda: any(True for _ in answer.elements()))
            assert team.answers("C1", thread) == [answer]
            assert (answer.shown, answer.streaming) == (SCRIPT, False)
            await until(lambda: "processing" not in team.sessions.values())
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
            assert process.returncode == 143
            assert b"Traceback" not in errors
