"""One native stream, step by step."""

from collections.abc import AsyncIterator

import pytest

from adapters.slack.errors import OutcomeUnknown
from adapters.slack.streams import MAX_SECONDS, Stream
from bot.errors import MessageGone, SurfaceBusy
from tests.adapters.slack.near import Near, near
from tests.slack_loopback import ApiError, Message, Someone, TooFast

BUTTONS = [
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "a",
                "value": "1",
                "text": {"type": "plain_text", "text": "Again"},
            }
        ],
    }
]


class Opened:
    """A stream and its message."""

    def __init__(self, at: Near, stream: Stream, message: Message) -> None:
        self.at, self.stream, self.message = at, stream, message

    def fail(self, method: str, *troubles: Exception) -> None:
        self.at.team.fail(method, *troubles)


@pytest.fixture
async def opened() -> AsyncIterator[Opened]:
    async with near() as at:
        first = Someone(at.slack, "U1", "Ana").post("C1", "A thread")
        begun = await at.workspace.gateway.call(
            "chat.startStream",
            channel="C1",
            thread_ts=first.ts,
            recipient_user_id="U1",
            recipient_team_id="T1",
        )
        workspace = at.workspace
        stream = Stream(workspace.gateway, workspace.tiers, at.clock, "C1", begun["ts"])
        yield Opened(at, stream, at.team.messages["C1", begun["ts"]])


async def test_only_what_is_new_is_sent(opened: Opened) -> None:
    for text in ("One", "One", "One two", "One two three"):
        assert await opened.stream.append(text)
    assert opened.message.shown == "One two three"
    appended = [args["markdown_text"] for name, args in opened.at.team.calls if "append" in name]
    assert appended == ["One", " two", " three"]


async def test_it_ends_with_the_rest_of_the_text_and_buttons(opened: Opened) -> None:
    await opened.stream.append("One")
    assert await opened.stream.finish("One two", BUTTONS, ends=True)
    assert (opened.message.shown, opened.message.streaming) == ("One two", False)
    assert opened.message.blocks == BUTTONS
    assert not opened.stream.open


async def test_a_text_that_does_not_continue_what_was_sent_cannot_be_appended(
    opened: Opened,
) -> None:
    await opened.stream.append("One two")
    assert opened.stream.can_append("One two three")
    assert not opened.stream.can_append("Uno")
    assert not opened.stream.can_append("One")


async def test_nothing_can_be_appended_after_the_maximum_age(opened: Opened) -> None:
    await opened.at.clock.sleep(MAX_SECONDS - 1)
    assert opened.stream.can_append("One")
    await opened.at.clock.sleep(2)
    assert not opened.stream.can_append("One")
    await opened.stream.stop()
    assert not opened.message.streaming


async def test_after_a_rate_limit_the_same_text_is_sent_again(opened: Opened) -> None:
    opened.fail("chat.appendStream", TooFast(3))
    with pytest.raises(SurfaceBusy):
        await opened.stream.append("One")
    assert opened.stream.can_append("One two")
    assert await opened.stream.append("One two")
    assert opened.message.shown == "One two"


@pytest.mark.parametrize("code", ["message_not_in_streaming_state", "stopped_by_user"])
async def test_after_slack_ended_it_nothing_more_is_sent(opened: Opened, code: str) -> None:
    opened.fail("chat.appendStream", ApiError(code))
    assert not await opened.stream.append("One")
    assert not opened.stream.open
    await opened.stream.stop()
    assert not [name for name, _ in opened.at.team.calls if name == "chat.stopStream"]


async def test_after_an_unknown_outcome_nothing_can_be_appended(opened: Opened) -> None:
    opened.fail("chat.appendStream", ConnectionError())
    with pytest.raises(OutcomeUnknown):
        await opened.stream.append("One")
    assert not opened.stream.can_append("One")
    assert opened.stream.open


async def test_a_deleted_message_raises_message_gone(opened: Opened) -> None:
    opened.message.deleted = True
    with pytest.raises(MessageGone):
        await opened.stream.append("One")
    assert not opened.stream.open


async def test_the_text_is_shown_before_the_wait_to_stop(opened: Opened) -> None:
    tiers = opened.at.workspace.tiers
    while tiers.take("chat.stopStream"):
        pass
    seen: list[str] = []
    turn = tiers.turn

    async def noted(method: str, channel: str = "") -> None:
        seen.append(opened.message.shown)
        await turn(method, channel)

    tiers.turn = noted  # type: ignore[method-assign]
    assert await opened.stream.finish("One two", BUTTONS, ends=True)
    assert seen == ["One two"]
    assert opened.message.blocks == BUTTONS
