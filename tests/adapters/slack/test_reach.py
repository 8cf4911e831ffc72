"""The first message on Slack."""

import pytest
from pydantic import SecretStr

from adapters.slack.reach import say_in
from bot.clock import SystemClock
from bot.config import SlackSettings
from bot.errors import SurfaceError
from tests.slack_loopback import LoopbackSlack


async def test_a_message_is_posted_where_the_channel_is_open_or_joined() -> None:
    async with LoopbackSlack(SystemClock()) as slack:
        token = SecretStr(slack.team.bot_token)
        settings = SlackSettings(bot_token=token, base_url=slack.url)
        channel = slack.team.channel("C1", joined=False)
        assert await say_in(settings, channel, "Hello") == "C1"
        (message,) = slack.team.answers("C1")
        assert message.shown == "Hello"
        private = slack.team.channel("G1", "group", joined=False)
        with pytest.raises(SurfaceError, match="not_in_channel. Use /invite"):
            await say_in(settings, private, "Hello")


async def test_a_slack_that_is_away_is_one_line() -> None:
    settings = SlackSettings(bot_token=SecretStr("x"), base_url="http://127.0.0.1:9/api/")
    with pytest.raises(SurfaceError, match="Slack cannot be reached"):
        await say_in(settings, "C1", "Hello")
