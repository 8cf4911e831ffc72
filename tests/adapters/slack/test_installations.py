"""Several workspaces: installing, answering in each with its own token, and being removed."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.installations import InstallationBook, open_installations
from bot.config import SlackSettings
from bot.errors import StorageError
from storage import open_store
from tests.adapters.slack.bench import Bench, bench
from tests.scaled_clock import ScaledClock
from tests.slack_loopback import CLIENT_ID, CLIENT_SECRET, LoopbackSlack, Someone, Team
from tests.until import until

# slack_sdk's way to send the client's secret; aiohttp will have another one in its next version
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")


def several(folder: Path, port: int) -> dict[str, Any]:
    return {
        "slack": {
            "bot_token": "",
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "port": port,
        },
        "storage": {"url": f"sqlite:///{folder / 'parley.sqlite3'}"},
    }


async def install(b: Bench, team: Team, port: int) -> str:
    """What a person does in the browser; the last page."""
    async with aiohttp.ClientSession() as browser:
        async with browser.get(f"http://127.0.0.1:{port}/slack/install") as page:
            text = await page.text()
            found = re.search(r'href="([^"]+/authorize[^"]+)"', text)
            assert found
            cookies = page.cookies
        consent = urlsplit(found[1].replace("&amp;", "&"))
        asked = parse_qs(consent.query)
        assert f"{consent.scheme}://{consent.netloc}" == b.slack.origin
        b.slack.codes["code"] = team
        state = {name: morsel.value for name, morsel in cookies.items()}
        back = f"http://127.0.0.1:{port}/slack/oauth_redirect"
        params = {"code": "code", "state": asked["state"][0]}
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in state.items())}
        async with browser.get(back, params=params, headers=header) as page:
            return await page.text()


async def test_each_workspace_is_answered_with_its_own_token(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    clock = ScaledClock()
    one, two = Team(clock, "T1"), Team(clock, "T2")
    settings = several(tmp_path, unused_tcp_port)
    async with (
        LoopbackSlack(clock, [one, two]) as slack,
        open_store(settings["storage"]["url"]) as store,
    ):
        async with bench(at=slack, store=store, **settings) as b:
            two.channel("C1")
            ben = Someone(slack, "U1", "Ben", two)
            for team in (one, two):
                assert "Thank" in await install(b, team, unused_tcp_port)
            await b.ana.mention("C1", "from one")
            await ben.mention("C1", "from two")
            await b.answered()
        assert [m.shown for m in one.answers("C1")] == ["[Be kind.] [] Ana: from one"]
        assert [m.shown for m in two.answers("C1")] == ["[Be kind.] [] Ben: from two"]


async def test_the_tokens_of_a_workspace_that_removed_the_app_are_deleted(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    settings = several(tmp_path, unused_tcp_port)
    async with bench(**settings) as b:
        await install(b, b.team, unused_tcp_port)
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert len(b.scripted.prompts) == 1
        await b.slack.send("events_api", b.ana.event_payload({"type": "app_uninstalled"}))
        await b.answered()
        await b.ana.mention("C1", "Hello?")
        await b.answered()
        assert len(b.scripted.prompts) == 1
    assert b.team.bot_token.encode() not in (tmp_path / "parley.sqlite3").read_bytes()


async def test_installations_outlive_a_restart(tmp_path: Path, unused_tcp_port: int) -> None:
    settings = several(tmp_path, unused_tcp_port)
    async with LoopbackSlack(ScaledClock()) as slack:
        async with bench(at=slack, **settings) as b:
            await install(b, b.team, unused_tcp_port)
        async with bench(at=slack, **settings) as b:
            await b.ana.mention("C1", "Hello")
            await b.answered()
            assert b.joined("C1")


async def test_an_event_of_a_workspace_without_installation_is_ignored(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with bench(**several(tmp_path, unused_tcp_port)) as b:
        used = await b.ana.command("/ask", "Hello", "C1")
        await until(lambda: used.told)
        assert b.scripted.prompts == []


async def test_a_workspace_of_an_organisation_uses_its_own_token_or_the_organisations(
    tmp_path: Path,
) -> None:
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    slack = SlackSettings.model_validate({"client_id": "1", "client_secret": "2"})
    whole = {"enterprise_id": "E1", "is_enterprise_install": True, "bot_token": "xoxb-whole"}
    one = {"enterprise_id": "E1", "team_id": "T1", "bot_token": "xoxb-one"}
    async with open_installations(url, slack, AsyncWebClient()) as book:
        for installation in (whole, one):
            saved = Installation(app_id="A1", user_id="U1", **installation)
            await book.flow.settings.installation_store.async_save(saved)
        assert await token(book, "E1", "T1") == "xoxb-one"
        assert await token(book, "E1", "T2") == "xoxb-whole"
        assert await token(book, "", "T1") is None
        await book.forget("E1", "")
        assert await token(book, "E1", "T1") == "xoxb-one"
        assert await token(book, "E1", "T2") is None


async def token(book: InstallationBook, enterprise: str, team: str) -> str | None:
    found = await book.find(enterprise, team)
    return found.token if found else None


async def test_a_damaged_database_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "x.sqlite3"
    file.write_bytes(b"no database at all " * 100)
    slack = SlackSettings.model_validate({"client_id": "1", "client_secret": "2"})
    with pytest.raises(StorageError, match="the tables of installations"):
        async with open_installations(f"sqlite:///{file}", slack, AsyncWebClient()):
            pass
