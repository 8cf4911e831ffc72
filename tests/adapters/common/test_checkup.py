"""The check of `answer_all_channels` that Discord and Slack share."""

from adapters.common.checkup import check_channels
from bot.checks import Result, State


async def wrong_with(channel: str) -> str:
    return f"no channel {channel}" if channel in ("b", "d") else ""


async def test_without_a_channel_nothing_is_reported() -> None:
    assert await check_channels("Chat", [], wrong_with, "go there") == []


async def test_channels_that_can_be_read_are_counted() -> None:
    (result,) = await check_channels("Chat", {"a", "c"}, wrong_with, "go there")
    assert result == Result("Chat", "answer_all_channels", State.OK, "2 can be read")


async def test_each_channel_that_cannot_is_named_with_the_platforms_remedy() -> None:
    (result,) = await check_channels("Chat", {"d", "a", "b"}, wrong_with, "go there")
    assert (result.state, result.detail) == (State.WARNING, "no channel b; no channel d")
    assert result.remedy == "go there"
