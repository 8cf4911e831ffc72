"""Looking up the workspace, and thereby the token, of an event."""

import aiohttp
import pytest

from adapters.slack.errors import Refused
from adapters.slack.workspaces import Installed, Workspaces, workspace_key
from bot.config import SlackSettings
from bot.errors import ConfigError
from tests.adapters.slack.near import near
from tests.slack_loopback import ApiError
from tests.virtual_clock import VirtualClock


class Book:
    """Installations in memory."""

    def __init__(self, **tokens: str) -> None:
        self.tokens = tokens

    async def find(self, enterprise: str, team: str) -> Installed | None:
        token = self.tokens.get(f"{enterprise}{team}") or self.tokens.get(enterprise)
        return Installed(token, "UBOT", "B1") if token else None

    async def forget(self, enterprise: str, team: str) -> None:
        self.tokens.pop(f"{enterprise}{team}", None)


async def with_book(book: Book) -> Workspaces:
    async with aiohttp.ClientSession() as session:
        return Workspaces(SlackSettings(), session, VirtualClock(), book)


async def test_one_token_makes_one_workspace_for_every_event() -> None:
    async with near() as at:
        assert (at.workspace.key, at.workspace.team) == ("T1", "T1")
        assert at.workspace.bot_user == at.team.bot_user


async def test_a_conversation_of_another_workspace_is_not_found_with_one_token() -> None:
    async with near() as at, aiohttp.ClientSession() as session:
        settings = SlackSettings.model_validate(
            {"bot_token": at.team.bot_token, "base_url": at.slack.url}
        )
        workspaces = Workspaces(settings, session, at.clock)
        only = await workspaces.start()
        assert await workspaces.of("E9", "T9") is only  # a shared channel's other side
        assert await workspaces.by_key("T1") is only
        assert await workspaces.by_key("T9") is None


async def test_workspaces_are_told_apart_by_organisation_and_team() -> None:
    workspaces = await with_book(Book(T1="xoxb-1", E1T1="xoxb-2", E2="xoxb-3"))
    keys = {}
    for enterprise, team in (("", "T1"), ("E1", "T1"), ("E2", "T1"), ("E2", "T2")):
        found = await workspaces.of(enterprise, team)
        assert found is not None
        keys[found.key] = found.token
        assert await workspaces.by_key(found.key) is found
    assert keys == {"T1": "xoxb-1", "E1.T1": "xoxb-2", "E2.T1": "xoxb-3", "E2.T2": "xoxb-3"}


async def test_a_new_token_replaces_the_old_one_and_a_removed_app_is_not_found() -> None:
    book = Book(T1="xoxb-old")
    workspaces = await with_book(book)
    old = await workspaces.of("", "T1")
    assert old is not None
    assert await workspaces.of("", "T1") is old
    book.tokens["T1"] = "xoxb-new"
    new = await workspaces.of("", "T1")
    assert new is not None
    assert new.token == "xoxb-new"
    await workspaces.uninstalled("", "T1")
    assert await workspaces.of("", "T1") is None


def test_keys_hold_both_ids() -> None:
    assert workspace_key("", "T1") == "T1"
    assert workspace_key("E1", "T1") == "E1.T1"
    assert workspace_key("E1", "") == "E1"


@pytest.mark.parametrize("stored", ["E2", "E2."])
async def test_a_conversation_of_an_organisation_without_a_team_finds_its_workspace(
    stored: str,
) -> None:
    """Earlier versions stored the second form."""
    workspaces = await with_book(Book(E2="xoxb-3"))
    found = await workspaces.by_key(stored)
    assert found is not None
    assert (found.key, found.token) == ("E2", "xoxb-3")


async def test_a_token_shows_in_no_repr() -> None:
    workspaces = await with_book(Book(T1="xoxb-secret"))
    found = await workspaces.of("", "T1")
    assert "secret" not in f"{found!r} {Installed('xoxb-secret', 'U', 'B')!r}"


@pytest.mark.parametrize("code", ["invalid_auth", "not_authed", "token_revoked"])
async def test_a_refused_token_names_the_setting(code: str) -> None:
    async with near() as at, aiohttp.ClientSession() as session:
        settings = SlackSettings.model_validate({"bot_token": "xoxb-x", "base_url": at.slack.url})
        at.team.bot_token = "xoxb-x"
        at.team.fail("auth.test", ApiError(code))
        with pytest.raises(ConfigError, match=r"\[slack\] bot_token"):
            await Workspaces(settings, session, at.clock).start()


async def test_another_refusal_is_raised_unchanged() -> None:
    async with near() as at, aiohttp.ClientSession() as session:
        settings = SlackSettings.model_validate(
            {"bot_token": at.team.bot_token, "base_url": at.slack.url}
        )
        at.team.fail("auth.test", ApiError("org_login_required"))
        with pytest.raises(Refused, match="org_login_required"):
            await Workspaces(settings, session, at.clock).start()
