"""`parley run`: every configured platform, one that fails among others, and a killed bot."""

import asyncio
import json
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from bot.config import DiscordSettings, Settings, SlackSettings
from bot.errors import ConfigError
from parley.app import Parley
from parley.commands.serve_work import load_platforms, serve_all
from tests.adapters.discord.scene import whole
from tests.discord_loopback import TOKEN, Loopback, Window
from tests.parley.parley_program import MAIN, Program
from tests.parley.service.notify_socket import NotifySocket
from tests.until import until

NO_PARLEY = cast("Parley", None)
SCRIPT = " ".join(f"word{number}" for number in range(60))


def test_without_a_platform_the_remedy_is_one_line(program: Program) -> None:
    ended = program.run("run")
    assert ended.returncode == 1
    assert ended.stderr.startswith("parley: No platform is configured. Set PARLEY_DISCORD")
    assert ended.stderr.count("\n") == 1


def test_platforms_with_a_token_are_served() -> None:
    discord = DiscordSettings(token=SecretStr("x"))
    assert list(load_platforms(Settings(discord=discord))) == ["Discord"]
    slack = SlackSettings(bot_token=SecretStr("x"))
    assert list(load_platforms(Settings(discord=discord, slack=slack))) == ["Discord", "Slack"]


async def fails(_: Parley, settings: Settings, *, ready: Callable[[str], None]) -> None:
    raise ConfigError("[discord] token: it is wrong.")


async def test_a_platform_that_fails_leaves_the_others_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    said: list[str] = []
    lost: list[str] = []

    async def serves(_: Parley, settings: Settings, *, ready: Callable[[str], None]) -> None:
        ready("here")
        await asyncio.Event().wait()

    both: dict[str, Any] = {"Discord": fails, "Slack": serves}
    task = asyncio.create_task(
        serve_all(
            NO_PARLEY,
            Settings(),
            both,
            ready=lambda *connected: said.append(" ".join(connected)),
            failed=lost.append,
        )
    )
    await until(lambda: said and caplog.records)
    assert not task.done()
    assert (said, lost) == (["Slack here"], ["Discord"])
    assert caplog.messages == [
        "Discord stopped, the other platforms continue: [discord] token: it is wrong."
    ]
    task.cancel()
    await asyncio.wait([task])


async def test_when_no_platform_is_left_the_error_is_told() -> None:
    only: dict[str, Any] = {"Discord": fails}
    with pytest.raises(ExceptionGroup) as caught:
        await serve_all(NO_PARLEY, Settings(), only, ready=print)
    assert [str(error) for error in caught.value.exceptions] == ["[discord] token: it is wrong."]


# ---------------------------------------------------------------- as people run it


@asynccontextmanager
async def running(
    program: Program, discord: Loopback, *, web: bool = False
) -> AsyncIterator[Process]:
    """`parley run` on the loopback Discord, connected; `web`: the settings have a web server."""
    program.settings |= {
        "PARLEY_DISCORD__TOKEN": TOKEN,
        "PARLEY_DISCORD__API_URL": discord.api_url,
        "PARLEY_DISCORD__GATEWAY_URL": discord.gateway.url,
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
        if web:
            assert (await process.stdout.readline()).startswith(b"Web server: http://127.0.0.1:")
        lines = [await process.stdout.readline() for _ in range(2)]
        assert lines == [b"Loading demo \xe2\x80\xa6\n", b"Discord: parley in 1 server\n"]
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_an_answer_that_a_kill_cut_goes_on_in_its_message_after_the_restart(
    program: Program,
) -> None:
    async with Loopback.open() as discord:
        generous = Window(1000, 1.0)
        discord.rest.limits.windows = {"POST": generous, "PATCH": generous}
        general, ana = discord.world.channel("general"), discord.world.user("Ana")
        async with running(program, discord) as process:
            await discord.ask(general, ana, "Count.")
            await until(lambda: discord.world.answers_in(general))
            (answer,) = discord.world.answers_in(general)
            await until(lambda: answer.content.startswith("word0 "))
            process.kill()
            await process.wait()
        assert not answer.content.endswith("word59")
        async with running(program, discord) as process:
            await until(lambda: "regenerate" in answer.buttons)
            assert whole([answer]) == SCRIPT
            assert discord.world.answers_in(general) == [answer]
            process.send_signal(signal.SIGTERM)
            _, errors = await process.communicate()
            assert process.returncode == 143
            assert b"Traceback" not in errors


async def test_status_sees_it_and_a_second_one_is_refused(program: Program) -> None:
    async with Loopback.open() as discord, running(program, discord) as process:
        told = await asyncio.to_thread(program.run, "status", "--json")
        platforms = {each["name"]: each["run"] for each in json.loads(told.stdout)["platforms"]}
        assert platforms["Slack"] is None
        assert platforms["Discord"]["pid"] == process.pid
        assert platforms["Discord"]["model"]["backend"] == "scripted"
        shown = await asyncio.to_thread(program.run, "status")
        assert f"Discord running: process {process.pid}, since" in " ".join(shown.stdout.split())
        second = await asyncio.to_thread(program.run, "run")
        assert second.returncode == 1
        (line,) = second.stderr.splitlines()
        assert f"Another parley run (process {process.pid}) already serves Discord" in line
        process.kill()
        await process.wait()
        after = await asyncio.to_thread(program.run, "status", "--json")
        assert json.loads(after.stdout)["platforms"][0]["run"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
async def test_systemd_and_health_checks_follow_it_from_start_to_end(
    program: Program, tmp_path: Path
) -> None:
    with NotifySocket.open(tmp_path) as systemd:
        program.settings |= {**systemd.environment, "WATCHDOG_USEC": "90000000"}
        async with Loopback.open() as discord, running(program, discord) as process:
            await until(lambda: "READY=1" in systemd.messages())
            assert systemd.messages().index("STATUS=Loading demo") < systemd.messages().index(
                "STATUS=Connecting to Discord"
            )
            assert "EXTEND_TIMEOUT_USEC=60000000" in systemd.messages()
            assert "WATCHDOG=1" in systemd.messages()
            await until(lambda: systemd.messages()[-1] == "STATUS=Answering on Discord")
            health = await asyncio.to_thread(program.run, "health")
            assert (health.returncode, health.stdout) == (0, "Discord: answering\n")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
            assert process.returncode == 143
        assert systemd.messages()[-2:] == [
            "STOPPING=1",
            "STATUS=Stopping: unfinished answers are saved",
        ]
        assert program.run("health").returncode == 1


def test_a_log_in_json_has_no_other_lines(program: Program) -> None:
    program.settings |= {"PARLEY_LOG__FORMAT": "json", "PARLEY_DISCORD__TOKEN": "a token"}
    program.settings |= {"PARLEY_MODEL__BACKEND": "openvino", "PARLEY_MODEL__NAME": "nowhere"}
    ended = program.run("run")
    assert (ended.returncode, ended.stdout) == (1, "")
    entries = [json.loads(line) for line in ended.stderr.splitlines()]
    assert (entries[0]["level"], entries[0]["message"]) == ("info", "Loading nowhere …")
    assert entries[-1]["level"] == "error"
    refusal = '[model] name = "nowhere": there is no such folder'
    assert entries[-1]["message"].startswith(refusal)


def test_a_log_file_has_everything_and_the_terminal_nothing(program: Program) -> None:
    file = program.folder / "logs" / "run.log"
    program.settings["PARLEY_LIMITS__QUEUE"] = "many"
    ended = program.run("run", "--log-file", str(file))
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", "")
    assert 'PARLEY_LIMITS__QUEUE: [limits] queue: "many" is not a whole number' in file.read_text()
    del program.settings["PARLEY_LIMITS__QUEUE"]
    assert program.run("run", "--log-file", str(file)).returncode == 1
    assert "No platform is configured" in file.read_text()


def test_a_program_without_a_window_has_no_streams_and_logs_all_the_same(program: Program) -> None:
    file = program.folder / "run.log"
    without = "import sys; sys.stdout = sys.stderr = None; from parley import main; main()"
    command = [sys.executable, "-c", without, "run", "--log-file", str(file)]
    ended = subprocess.run(command, env=program.environment, cwd=program.folder, check=False)
    assert ended.returncode == 1
    assert "No platform is configured" in file.read_text()
    assert "Traceback" not in file.read_text()
