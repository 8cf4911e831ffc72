"""The scenarios' person on the loopback Discord, in a direct message."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.messages import ConversationKey
from bot.ports import Generator
from tests.adapters.discord.scene import Scene, loopback, whole
from tests.scenarios.driver import Press
from tests.until import until


class DiscordChatting:
    def __init__(self, scene: Scene) -> None:
        self.engine = scene.engine
        self._scene = scene
        self._channel = scene.discord.world.direct(scene.ana)
        self.key = ConversationKey("discord", self._channel.id)
        self._asked = "0"

    async def say(self, text: str) -> None:
        message = await self._scene.discord.say(self._channel, self._scene.ana, text)
        self._asked = message.id

    async def press(self, button: Press) -> None:
        newest = self._scene.discord.world.answers_in(self._channel)[-1]
        await self._scene.discord.press(self._scene.ana, newest, button.lower())

    async def reset(self) -> None:
        used = await self._scene.discord.command(self._scene.ana, self._channel, "reset")
        await until(lambda: used.callback)

    def read(self) -> str:
        answers = self._scene.discord.world.answers_in(self._channel)
        return whole([message for message in answers if message.id > self._asked])

    async def settled(self) -> None:
        answers = self._scene.discord.world.answers_in
        await until(lambda: any(message.id > self._asked for message in answers(self._channel)))
        await self.engine.finish()


class DiscordPlatform:
    def __init__(self, scene: Scene) -> None:
        self.store = scene.store
        self._scene = scene

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[DiscordChatting]:
        async with self._scene.running(generator):
            yield DiscordChatting(self._scene)


@asynccontextmanager
async def discord() -> AsyncIterator[DiscordPlatform]:
    """A direct message."""
    async with loopback() as scene:
        yield DiscordPlatform(scene)
