"""The gateway client: its announcement and its intents."""

from typing import Any, cast

from adapters.common.rules import Rules
from adapters.discord.client import ParleyClient, intents
from bot.engine import Engine

UNUSED: Any = None


async def test_on_up_is_called_once_however_often_it_connects() -> None:
    said: list[str] = []
    client = ParleyClient(cast("Engine", UNUSED), UNUSED, UNUSED, Rules(), on_up=said.append)
    await client.on_ready()
    await client.on_ready()
    assert said == ["Discord: None in 0 servers"]


def test_the_intents_are_those_that_are_needed() -> None:
    wanted = dict(intents(message_content=True))
    assert {name for name, on in wanted.items() if on} == {
        "guilds",
        "guild_messages",
        "dm_messages",
        "message_content",
    }
    assert not intents(message_content=False).message_content
