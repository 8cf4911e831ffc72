"""`parley web`, and what `parley status` says of the web server."""

import asyncio
import io
import json
import os
import signal
from pathlib import Path

import aiohttp
import pytest

from bot.config import load
from bot.errors import ConfigError
from parley.commands.web_work import print_link, set_password
from parley.web.check_password import matches
from tests.discord_loopback import Loopback
from tests.parley.commands.test_serve import running
from tests.parley.parley_program import Program
from tests.until import until


async def test_a_running_parley_says_how_it_is_and_makes_links(program: Program) -> None:
    program.settings["PARLEY_WEB__LISTEN"] = "127.0.0.1:0"
    async with Loopback.open() as discord, running(program, discord, web=True):
        told = await asyncio.to_thread(program.run, "status", "--json")
        web = json.loads(told.stdout)["web"]
        assert web["running"]
        assert [name for name, check in web["checks"].items() if check["ok"]] == [
            *("discord", "model", "database")
        ]
        assert web["now"]["waiting"] == 0
        shown = " ".join((await asyncio.to_thread(program.run, "status")).stdout.split())
        assert "Web server 127.0.0.1:0: ready" in shown
        assert "Now 0 being answered, 0 waiting" in shown
        link = await asyncio.to_thread(program.run, "web", "link")
        assert link.returncode == 0
        address = link.stdout.strip()
        async with aiohttp.ClientSession() as session, session.get(address) as page:
            assert page.status == 200
            assert "This link logs you in once" in await page.text()


async def test_a_worker_that_is_killed_is_a_restart_in_the_metrics(program: Program) -> None:
    program.settings["PARLEY_WEB__LISTEN"] = "127.0.0.1:0"
    async with Loopback.open() as discord, running(program, discord, web=True) as process:
        link = await asyncio.to_thread(program.run, "web", "link")
        url = link.stdout.partition("/link/")[0]
        before = await samples(url)
        assert (before["parley_worker_restarts_total"], before["parley_model_up"]) == (0, 1)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        (worker,) = map(int, children.read_text().split())
        os.kill(worker, signal.SIGKILL)
        await until(lambda: _restarted(url))
        assert int(children.read_text()) != worker


async def _restarted(url: str) -> bool:
    found = await samples(url)
    return found["parley_worker_restarts_total"] == 1 and found["parley_model_up"] == 1


async def samples(url: str) -> dict[str, float]:
    """What /metrics has, without labels."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as response:
        lines = (line.rpartition(" ") for line in (await response.text()).splitlines())
        return {name: float(value) for name, _, value in lines if name and name[0] != "#"}


def test_without_a_running_parley_a_link_has_a_remedy(program: Program) -> None:
    off = program.run("web", "link")
    assert off.returncode == 1
    assert 'Set [web] listen = "127.0.0.1:8600"' in off.stderr
    program.settings["PARLEY_WEB__LISTEN"] = "127.0.0.1:8600"
    stopped = program.run("web", "link")
    assert "No Parley answers at 127.0.0.1:8600" in stopped.stderr
    assert stopped.stderr.count("\n") == 1
    status = json.loads(program.run("status", "--json").stdout)["web"]
    assert status == {"listen": "127.0.0.1:8600", "running": False, "checks": {}, "now": None}


def test_a_password_becomes_a_hash_in_the_file_of_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file, secrets = tmp_path / "config.toml", tmp_path / "secrets.toml"
    file.write_text('[web]\nlisten = "127.0.0.1:8600"\n')
    secrets.write_text('# mine\n[discord]\ntoken = "x"\n')
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
    set_password(file, only_print=False)
    printed = capsys.readouterr()
    assert str(secrets) in printed.out
    assert "horse" not in printed.out + printed.err + secrets.read_text() + file.read_text()
    settings = load(file, {})
    assert matches(settings.web.password_hash.get_secret_value(), "correct horse battery staple")
    assert settings.discord.token.get_secret_value() == "x"
    assert secrets.read_text().startswith("# mine")
    assert secrets.stat().st_mode & 0o777 == 0o600


def test_a_hash_can_be_printed_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
    set_password(None, only_print=True)
    assert capsys.readouterr().out.startswith("PARLEY_WEB__PASSWORD_HASH='$argon2id$")


def test_a_password_that_is_too_short_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    with pytest.raises(ConfigError, match="A password has 10"):
        set_password(file, only_print=False)
    assert list(tmp_path.iterdir()) == [file]


async def test_a_link_needs_the_server() -> None:
    with pytest.raises(ConfigError, match=r"\[web\] listen"):
        await print_link(None)


def test_two_passwords_that_differ_change_nothing(program: Program) -> None:
    with program.in_terminal("web", "password") as terminal:
        terminal.wait_for_hidden("Password")
        terminal.type("correct horse\r")
        terminal.wait_for_hidden("Again")
        terminal.type("another horse\r")
        terminal.wait_for("The two passwords differ")
