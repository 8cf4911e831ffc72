"""`parley web`, and what `parley status` says of the web server."""

import asyncio
import json

import aiohttp
import pytest

from bot.errors import ConfigError
from parley.commands.web_work import print_hash, print_link
from tests.discord_loopback import Loopback
from tests.parley.commands.test_serve import running
from tests.parley.parley_program import Program


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


def test_a_password_becomes_a_hash_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse battery staple\n"))
    print_hash(None)
    printed = capsys.readouterr()
    assert printed.out.startswith("PARLEY_WEB__PASSWORD_HASH='$argon2id$")
    assert "horse" not in printed.out + printed.err


async def test_a_link_needs_the_server() -> None:
    with pytest.raises(ConfigError, match=r"\[web\] listen"):
        await print_link(None)


def test_two_passwords_that_differ_change_nothing(program: Program) -> None:
    with program.in_terminal("web", "password") as terminal:
        terminal.wait_for("Password")
        terminal.type("correct horse\r")
        terminal.wait_for("Again")
        terminal.type("another horse\r")
        terminal.wait_for("The two passwords differ")
