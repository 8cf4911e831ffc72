"""Where the answers of an earlier run are shown again."""

from types import SimpleNamespace
from typing import cast

import discord
import pytest

from adapters.discord.api import MessageWrites, Payload, Response, Upload
from adapters.discord.desk import DiscordPlatform
from bot.messages import ConversationKey, Person, Question
from bot.ports import AnswerState, StoredAnswer
from tests.virtual_clock import VirtualClock

QUESTION = Question(
    ConversationKey("discord", "1", workspace="9"), Person("discord", "2", "Ana"), "Hi", "3", "3"
)


async def no_wire(
    method: str, path: str, payload: Payload | None, upload: Upload | None
) -> Response:
    raise AssertionError("finding makes no call for messages")


@pytest.mark.parametrize(
    ("error", "found"),
    [(discord.NotFound, False), (discord.Forbidden, True), (discord.DiscordServerError, True)],
)
async def test_only_a_channel_that_is_gone_ends_an_answer_of_an_earlier_run(
    error: type[discord.HTTPException], found: bool
) -> None:
    async def fetch_channel(_: int) -> object:
        response = SimpleNamespace(status=400, reason="refused")
        raise error(response, "refused")  # type: ignore[arg-type]

    client = cast("discord.Client", SimpleNamespace(fetch_channel=fetch_channel))
    platform = DiscordPlatform(client, MessageWrites(no_wire, VirtualClock()))
    surface = await platform.find(StoredAnswer(1, 1, QUESTION, AnswerState.WRITING, ""))
    assert (surface is not None) is found
