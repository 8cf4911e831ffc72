"""An app that is installed in a whole organisation: its events name the workspace elsewhere than
those of other installations, and its buttons may not name it at all."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from slack_sdk.oauth.installation_store import Installation
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.installations import open_installations
from adapters.slack.modals import SYSTEM_VIEW
from adapters.slack.payloads import Origin, origin_of
from bot.config import SlackSettings
from bot.messages import ConversationKey
from tests.adapters.slack.bench import Bench, bench
from tests.adapters.slack.test_installations import several
from tests.scaled_clock import ScaledClock
from tests.slack_loopback import LoopbackSlack, Team
from tests.until import until

KINDS = ("installed", "token")
"""How the app got the organisation's token: by OAuth, or as bot_token."""


@asynccontextmanager
async def organisation(
    kind: str, folder: Path, port: int, **section: Any
) -> AsyncIterator[tuple[Bench, Team]]:
    """A Parley that serves the workspace T1 of the organisation E1."""
    clock = ScaledClock()
    team = Team(clock, "T1", organisation="E1")
    team.trigger_seconds = 60.0
    settings: dict[str, Any] = {"slack": section}
    if kind == "installed":
        settings = several(folder, port)
        settings["slack"] |= section
        await install(team, settings)
    async with LoopbackSlack(clock, [team]) as slack, bench(at=slack, **settings) as b:
        yield b, team


async def install(team: Team, settings: dict[str, Any]) -> None:
    slack = SlackSettings.model_validate(settings["slack"])
    async with open_installations(settings["storage"]["url"], slack, AsyncWebClient()) as book:
        saved = Installation(
            app_id="A1",
            user_id="U1",
            enterprise_id=team.organisation,
            is_enterprise_install=True,
            bot_token=team.bot_token,
            bot_user_id=team.bot_user,
            bot_id=team.bot_id,
        )
        await book.flow.settings.installation_store.async_save(saved)


@pytest.mark.parametrize("kind", KINDS)
async def test_events_commands_buttons_and_dialogs_find_the_same_conversation(
    kind: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    async with organisation(kind, tmp_path, unused_tcp_port) as (b, team):
        await b.ana.mention("C1", "from an event")
        await b.answered()
        await b.ana.command("/ask", "from a command", "C1")
        await b.answered()
        first, _, second = team.answers("C1")
        assert second.shown == "[Be kind.] [Ana: from an event] Ana: from a command"
        pressed = await b.ana.press(first, "Regenerate")
        await b.answered()
        assert len(b.scripted.prompts) == 3
        assert pressed.told == []
        await b.ada.command("/parley", "system", "C1")
        await until(lambda: team.views)
        await b.ada.submit(team.views[0], {"text": {"text": {"value": "Be brief."}}})
        await b.answered()
        await b.ana.mention("C1", "and now?")
        await b.answered()
        assert b.scripted.prompts[-1].system == "Be brief."
        places = {answer.question.conversation for answer in await b.store.answers()}
        assert places == {ConversationKey("slack", "C1", workspace="E1.T1")}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("lists", "answered"),
    [
        ({"allowed_workspaces": ["T1"]}, True),
        ({"allowed_workspaces": ["T2"]}, False),
        ({"blocked_workspaces": ["T1"]}, False),
        ({"blocked_workspaces": ["T2"]}, True),
    ],
)
async def test_lists_of_workspaces_compare_with_the_team_of_the_event(
    kind: str, lists: dict[str, Any], tmp_path: Path, unused_tcp_port: int, *, answered: bool
) -> None:
    async with organisation(kind, tmp_path, unused_tcp_port, **lists) as (b, _):
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert bool(b.scripted.prompts) is answered


@pytest.mark.parametrize("kind", KINDS)
async def test_without_any_team_the_organisation_alone_is_the_workspace_everywhere(
    kind: str, tmp_path: Path, unused_tcp_port: int
) -> None:
    async with organisation(kind, tmp_path, unused_tcp_port) as (b, team):
        team.id = ""
        await b.ana.mention("C1", "from an event")
        await b.answered()
        await b.ana.command("/ask", "from a command", "C1")
        await b.answered()
        first, _, second = team.answers("C1")
        assert second.shown == "[Be kind.] [Ana: from an event] Ana: from a command"
        await b.ana.press(first, "Regenerate")
        await b.answered()
        assert len(b.scripted.prompts) == 3
        places = {answer.question.conversation for answer in await b.store.answers()}
        assert places == {ConversationKey("slack", "C1", workspace="E1")}


async def test_without_any_team_a_list_of_allowed_workspaces_allows_nothing(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    lists = {"allowed_workspaces": ["T1"]}
    async with organisation("installed", tmp_path, unused_tcp_port, **lists) as (b, team):
        team.id = ""
        await b.ana.mention("C1", "Hello")
        await b.answered()
        assert b.scripted.prompts == []


async def test_the_tokens_of_an_organisation_that_removed_the_app_are_deleted(
    tmp_path: Path, unused_tcp_port: int
) -> None:
    async with organisation("installed", tmp_path, unused_tcp_port) as (b, _):
        await b.slack.send("events_api", b.ana.event_payload({"type": "app_uninstalled"}))
        await b.answered()
        await b.ana.mention("C1", "Hello?")
        await b.answered()
        assert b.scripted.prompts == []


ORG = {"enterprise_id": "E1", "team_id": None, "is_enterprise_install": True}
ONE = {"enterprise_id": None, "team_id": "T1", "is_enterprise_install": False}


@pytest.mark.parametrize(
    ("body", "origin"),
    [
        ({"authorizations": [ONE], "team_id": "T9"}, Origin("", "T1", whole=False)),
        ({"authorizations": [ONE], "enterprise_id": "E9"}, Origin("", "T1", whole=False)),
        ({"authorizations": [ORG], "team_id": "T1"}, Origin("E1", "T1", whole=True)),
        ({"authorizations": [ORG], "event": {"team": "T1"}}, Origin("E1", "T1", whole=True)),
        (
            {"authorizations": [ORG], "event": {"team": "E1", "message": {"team": "T1"}}},
            Origin("E1", "T1", whole=True),
        ),
        ({"authorizations": [ORG], "context_team_id": "T1"}, Origin("E1", "T1", whole=True)),
        ({"authorizations": [ORG], "team_id": "E1"}, Origin("E1", "", whole=True)),
        (
            {"team_id": "T1", "enterprise_id": "E1", "is_enterprise_install": "true"},
            Origin("E1", "T1", whole=True),
        ),
        ({"team_id": "T1"}, Origin("", "T1", whole=False)),
        ({"team": {"id": "T1"}, "enterprise": None}, Origin("", "T1", whole=False)),
        (
            {"team": None, "enterprise": {"id": "E1"}, "user": {"team_id": "T1"}},
            Origin("E1", "T1", whole=False),
        ),
        (
            {"team": None, "message": {"team": "T1"}, "user": {"team_id": "T2"}},
            Origin("", "T1", whole=False),
        ),
        (
            {"type": "view_submission", "view": {"callback_id": SYSTEM_VIEW, "team_id": "T1"}},
            Origin("", "T1", whole=False),
        ),
    ],
)
def test_the_workspace_is_that_of_the_installation_or_the_first_that_is_named(
    body: dict[str, Any], origin: Origin
) -> None:
    assert origin_of(body) == origin
