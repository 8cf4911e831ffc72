"""Replies that one person sees."""

import pytest

from adapters.slack.places import place_of
from adapters.slack.private_replies import PrivateReply
from tests.adapters.slack.near import near
from tests.slack_loopback import ApiError, Someone, TooFast


async def test_it_is_seen_by_the_person_alone_and_pings_nobody() -> None:
    async with near() as at:
        await PrivateReply(at.workspace, place_of("T1", "C1"), "U1")("**Hey** <!channel>")
        (message,) = at.team.messages.values()
        assert message.ephemeral_to == "U1"
        assert message.shown == "**Hey** <!\u2060channel>"
        assert message.text == "**Hey** &lt;!channel&gt;"
        assert at.team.visible("C1") == []


async def test_in_a_thread_it_is_told_there() -> None:
    async with near() as at:
        first = Someone(at.slack, "U1", "Ana").post("C1", "thread")
        await PrivateReply(at.workspace, place_of("T1", "C1", first.ts), "U1")("Hey")
        assert at.team.calls[-1][1]["thread_ts"] == first.ts


async def test_a_response_url_reaches_where_the_bot_may_not_write() -> None:
    async with near() as at:
        url = at.slack.response_url()
        await PrivateReply(at.workspace, place_of("T1", "G9"), "U1", url)("Hey")
        assert at.slack.responded(url) == ["Hey"]


async def test_a_busy_slack_is_waited_for() -> None:
    async with near() as at:
        at.team.fail("chat.postEphemeral", TooFast(5))
        await PrivateReply(at.workspace, place_of("T1", "C1"), "U1")("Hey")
        assert at.team.ephemeral("U1") == ["Hey"]


async def test_what_cannot_be_told_is_logged_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with near() as at:
        at.team.fail("chat.postEphemeral", ApiError("user_not_in_channel"))
        await PrivateReply(at.workspace, place_of("T1", "C1"), "U1")("my words")
        gone = "http://127.0.0.1:1/response/1"
        await PrivateReply(at.workspace, place_of("T1", "C1"), "U1", gone)("my words")
    assert len(caplog.records) == 2
    assert "user_not_in_channel" in caplog.text
    assert "my words" not in caplog.text
