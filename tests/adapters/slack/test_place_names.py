"""What system prompts know of a place on Slack, from its Web API."""

import logging

import aiohttp
import pytest

from adapters.slack.place_names import place_names
from adapters.slack.workspaces import Workspaces
from bot.config import SlackSettings
from bot.errors import SurfaceBusy
from bot.messages import ConversationKey
from bot.ports import PlaceNames
from tests.adapters.slack.near import Near, near
from tests.slack_loopback import ApiError
from tests.slack_loopback.state import TooFast


async def asked(at: Near, channel: str = "C1", workspace: str = "T1") -> PlaceNames:
    async with aiohttp.ClientSession() as session:
        settings = SlackSettings.model_validate(
            {"bot_token": at.team.bot_token, "base_url": at.slack.url}
        )
        workspaces = Workspaces(settings, session, at.clock)
        await workspaces.start()
        return await place_names(workspaces, ConversationKey("slack", channel, "", workspace))


async def test_a_topic_is_read_as_people_typed_it() -> None:
    async with near() as at:
        at.team.user("U7", "Ana")
        at.team.channels["C1"].topic = "R&amp;D &lt;b&gt; of <@U7> at <https://x.org|x.org>"
        found = await asked(at)
        assert (found.server, found.channel, found.bot) == ("T1", "name-of-c1", "parley")
        assert found.topic.startswith("R&D <b> of @Ana at ")


async def test_a_direct_message_has_no_channel() -> None:
    async with near() as at:
        assert await asked(at, "D1") == PlaceNames("T1", bot="parley", direct=True)
        assert not [name for name, _ in at.team.calls if name == "conversations.info"]


async def test_without_the_scope_the_channel_has_no_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with near() as at:
        at.team.fail("conversations.info", ApiError("missing_scope", needed="channels:read"))
        with caplog.at_level(logging.WARNING):
            assert await asked(at) == PlaceNames("T1", bot="parley")
        assert "lacks the scope channels:read" in caplog.text


async def test_a_workspace_that_removed_the_app_has_no_names() -> None:
    async with near() as at:
        assert await asked(at, workspace="T9") == PlaceNames()


async def test_a_rate_limit_is_a_failure_of_the_lookup() -> None:
    async with near() as at:
        at.team.fail("conversations.info", TooFast(30))
        with pytest.raises(SurfaceBusy):
            await asked(at)
