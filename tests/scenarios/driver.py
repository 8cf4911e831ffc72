"""What the scenarios need of a platform: one person, one conversation, and the bot in it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from typing import Protocol

from bot.engine import Engine
from bot.messages import ConversationKey
from bot.ports import Generator, Store


class Press(StrEnum):
    """What can be done to the newest answer."""

    STOP = "Stop"
    REGENERATE = "Regenerate"
    CONTINUE = "Continue"


class Chatting(Protocol):
    """A Parley that runs, and the person who talks with it alone."""

    engine: Engine
    key: ConversationKey

    async def say(self, text: str) -> None:
        """Ask. Returns when the question is on its way."""
        ...

    async def press(self, button: Press) -> None: ...

    async def reset(self) -> None:
        """Let the model forget, by this platform's command."""
        ...

    def read(self) -> str:
        """What answers to the last thing said, as its reader puts it together."""
        ...

    async def settled(self) -> None:
        """Wait until every answer is shown to its end."""
        ...


class Platform(Protocol):
    """A platform, or an imitation of one, that outlives Parley. Its store does too."""

    store: Store

    def running(self, generator: Generator) -> AbstractAsyncContextManager[Chatting]:
        """One run of Parley, from its start until it is shut down, answers under way included."""
        ...


OpenPlatform = Callable[[], AbstractAsyncContextManager[Platform]]
