"""The scenarios' person on the loopback Slack: in a direct message, edited or streamed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bot.messages import ConversationKey
from bot.ports import Generator
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import Bench, bench
from tests.fake_surface import join
from tests.scaled_clock import ScaledClock
from tests.scenarios.driver import Press
from tests.slack_loopback import LoopbackSlack, Someone


class SlackChatting:
    def __init__(self, running: Bench, thread: str) -> None:
        self.engine = running.engine
        self.key = ConversationKey("slack", "D1", thread, "T1")
        self._bench = running
        self._thread = thread
        self._asked = "0"

    async def say(self, text: str) -> None:
        message = await self._bench.ana.say("D1", text, thread=self._thread)
        self._asked = message.ts

    async def press(self, button: Press) -> None:
        newest = self._bench.team.answers("D1", self._thread)[-1]
        if newest.streaming:  # Slack's own button is there then
            assert button is Press.STOP
            await self._bench.ana.stop_natively(newest)
        else:
            await self._bench.ana.press(newest, button.value)

    async def reset(self) -> None:
        if self._thread:  # where Slack has no commands
            await self._bench.ana.say("D1", "reset", thread=self._thread)
        else:
            await self._bench.ana.command("/reset", "", "D1")
        await self.settled()

    def read(self) -> str:
        messages = self._bench.team.answers("D1", self._thread)
        return join(message.shown for message in messages if message.ts > self._asked)

    async def settled(self) -> None:
        await self._bench.answered()


class SlackPlatform:
    def __init__(self, slack: LoopbackSlack, *, threaded: bool) -> None:
        self.store = MemoryStore()
        self._slack = slack
        slack.team.channel("C1")
        slack.team.channel("D1", "im")
        first = Someone(slack, "U1", "Ana").post("D1", "A new chat")
        self._thread = first.ts if threaded else ""

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[SlackChatting]:
        async with bench(generator=generator, at=self._slack, store=self.store) as running:
            yield SlackChatting(running, self._thread)


@asynccontextmanager
async def slack_edited() -> AsyncIterator[SlackPlatform]:
    """A direct message, whose answers are edited."""
    async with LoopbackSlack(ScaledClock()) as slack:
        yield SlackPlatform(slack, threaded=False)


@asynccontextmanager
async def slack_streamed() -> AsyncIterator[SlackPlatform]:
    """A thread of the app's agent view, where answers are streamed natively."""
    async with LoopbackSlack(ScaledClock()) as slack:
        yield SlackPlatform(slack, threaded=True)
