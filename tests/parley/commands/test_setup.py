"""`parley setup` as a process: in a terminal, with options in a pipe, and left in the middle."""

import asyncio
import signal
import subprocess
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.discord.checkup import COMMANDS
from tests.hub_loopback import NAME, Hub, tiny_files
from tests.limits import seconds
from tests.parley.parley_program import MAIN, Program
from tests.parley.setup.scene import APP_TOKEN, DISCORD_TOKEN, OLLAMA_MODEL, Scene, scene
from tests.parley.setup.walk import walk

pytestmark = pytest.mark.process


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(tmp_path) as made:
        yield made


async def run(stage: Scene, *options: str) -> subprocess.CompletedProcess[str]:
    """Run it with pipes, while the loopbacks answer."""
    return await asyncio.to_thread(
        subprocess.run,
        [*MAIN, "setup", *options],
        input="",
        capture_output=True,
        text=True,
        env=stage.environment,
        cwd=stage.home,
        timeout=seconds(120),
        check=False,
    )


async def test_from_an_empty_home_to_the_first_answers_in_a_terminal(stage: Scene) -> None:
    walked = await walk(stage)
    for secret in (f"Bot {DISCORD_TOKEN}", APP_TOKEN, stage.slack_token):
        assert secret not in walked.written
    assert "! Removed quotes and “Bot ” before it" in walked.shown
    assert f"✓ {len(COMMANDS)} slash commands are registered." in walked.shown
    (there,) = walked.discord
    assert "computer" in there
    assert any("computer" in text for text in walked.slack)
    assert tomllib.loads(stage.config.read_text()) == {"model": {"name": "demo"}}
    assert stage.secrets.stat().st_mode & 0o077 == 0


async def test_options_do_it_all_without_a_terminal(stage: Scene) -> None:
    stage.more |= {"D": DISCORD_TOKEN, "B": stage.slack_token, "A": APP_TOKEN}
    done = await run(
        stage,
        *("--yes", "--server", stage.ollama.url, "--discord-token-env", "D"),
        *("--slack-bot-token-env", "B", "--slack-app-token-env", "A"),
        *("--channel", "discord:#general", "--channel", "C000001", "--no-service"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"✓ Answers come from {OLLAMA_MODEL}" in done.stdout
    assert "Mention Parley in #general on Discord and C000001 on Slack" in done.stdout
    for secret in (APP_TOKEN, stage.slack_token):
        assert secret not in done.stdout
    assert len(stage.discord.world.answers_in(stage.general)) == 1
    again = await run(stage, "--yes", "--no-message", "--no-service")
    assert (again.returncode, again.stderr) == (0, "")
    assert "Discord: the token is set" in again.stdout


async def test_a_model_of_the_hub_is_downloaded_once_and_set(stage: Scene) -> None:
    async with Hub.open(tiny_files()) as hub:
        stage.more["HF_ENDPOINT"] = hub.url
        done = await run(stage, "--yes", "--model", NAME)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"✓ Answers come from {NAME}" in done.stdout
        assert hub.sent > 0
        sent = hub.sent
        again = await run(stage, "--yes", "--model", NAME)
        assert (again.returncode, hub.sent) == (0, sent)
    assert tomllib.loads(stage.config.read_text()) == {"model": {"name": NAME}}


async def test_a_hub_that_cannot_be_reached_is_one_line_and_nothing_is_set(stage: Scene) -> None:
    stage.more["HF_ENDPOINT"] = "http://127.0.0.1:9"
    done = await run(stage, "--yes", "--model", NAME)
    assert done.returncode == 1
    assert done.stderr.startswith("parley: ")
    assert done.stderr.count("\n") == 1
    assert not stage.config.exists()


def test_without_a_terminal_one_line_names_the_options(program: Program) -> None:
    ended = program.run("setup")
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("parley: standard input is no terminal")
    for option in ("--yes", "--model", "--discord-token-env", "--channel", "--no-service"):
        assert option in ended.stderr
    assert not (program.folder / "config").exists()


async def test_a_wrong_token_is_one_line_more_and_exit_code_1(stage: Scene) -> None:
    stage.more["D"] = "xoxb-1-2-abcdefghijkl"
    ended = await run(stage, "--yes", "--model", "demo", "--discord-token-env", "D")
    assert ended.returncode == 1
    assert "✗ This is Slack's bot token, not Discord's bot token" in ended.stdout
    assert ended.stderr.startswith("parley: --discord-token-env: this token cannot be used")
    assert "Traceback" not in ended.stderr
    assert not stage.secrets.exists()


async def test_a_folder_that_cannot_be_written_is_one_line(stage: Scene) -> None:
    (stage.home / "file").write_text("")
    ended = await run(stage, "--yes", "--config", str(stage.home / "file" / "config.toml"))
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    assert "cannot be written" in ended.stderr


@pytest.mark.parametrize("key", ["\x03", "\x04"])
async def test_ctrl_c_or_ctrl_d_at_a_question_is_one_line_and_the_way_on(
    stage: Scene, key: str
) -> None:
    with stage.setup() as program:
        await asyncio.to_thread(program.wait_for, "Which one should answer?")
        program.type(key)
        assert await asyncio.to_thread(program.ended) == 130
        last = program.terminal.lines[-1]
    assert last == "Set-up stopped. What was saved stays; go on with: parley setup"
    assert not stage.config.exists()


async def test_ctrl_c_while_a_platform_is_asked_ends_at_once(stage: Scene) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()  # until the program has gone
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        stage.more |= {"PARLEY_DISCORD__API_URL": f"http://{host}:{port}", "D": "token"}
        with stage.setup("--model", "demo", "--discord-token-env", "D") as program:
            await asked.wait()
            program.signal(signal.SIGINT)
            assert await asyncio.to_thread(program.ended) == 130
            shown = program.terminal.text
    assert "Set-up stopped. What was saved stays" in shown
    assert "Traceback" not in shown
    assert tomllib.loads(stage.config.read_text()) == {"model": {"name": "demo"}}
    assert not stage.secrets.exists()
