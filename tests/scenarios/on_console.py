"""The scenarios' person at a terminal's pipe."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from adapters.console.chat import Chat
from adapters.console.plain import PlainScreen
from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine
from bot.messages import ConversationKey, Person
from bot.ports import Generator
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import options
from tests.scenarios.driver import Press
from tests.until import until

HERE = ConversationKey("console", "terminal")
ANA = Person("console", "ana", "Ana", admin=True)


class TypedLines:
    """Lines that the test types one by one."""

    def __init__(self) -> None:
        self._typed: asyncio.Queue[str | None] = asyncio.Queue()
        self.idle = False
        """Everything that was typed is answered."""
        self.interrupt: Callable[[], None] = lambda: None

    def type(self, line: str | None) -> None:
        self.idle = False
        self._typed.put_nowait(line)

    async def read(self) -> str | None:
        self.idle = self._typed.empty()
        return await self._typed.get()

    @contextmanager
    def interruptible(self, interrupt: Callable[[], None]) -> Iterator[None]:
        self.interrupt = interrupt
        yield


class ConsoleChatting:
    key = HERE

    def __init__(self, engine: Engine, lines: TypedLines, out: io.StringIO) -> None:
        self.engine = engine
        self._lines = lines
        self._out = out
        self._asked = 0
        self._above = ""
        """What was read before the newest answer is continued."""

    async def say(self, text: str) -> None:
        self._below("")
        self._lines.type(text)

    async def press(self, button: Press) -> None:
        if button is Press.STOP:
            self._lines.interrupt()
            return
        self._below(self.read() if button is Press.CONTINUE else "")
        self._lines.type(f"/{button.lower()}")

    async def reset(self) -> None:
        self._lines.type("/reset")
        await self.settled()

    def _below(self, above: str) -> None:
        """What comes next is printed below, and read after `above`."""
        self._asked, self._above = len(self._out.getvalue()), above

    def read(self) -> str:
        return self._above + self._out.getvalue()[self._asked :].removesuffix("\n")

    async def settled(self) -> None:
        await until(lambda: self._lines.idle)


class ConsolePlatform:
    def __init__(self) -> None:
        self.store = MemoryStore()

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[ConsoleChatting]:
        clock, lines, out = SystemClock(), TypedLines(), io.StringIO()
        delivery = Delivery(clock, self.store, edit_interval=0.0)
        async with Engine(generator, self.store, delivery, clock, options()) as engine:
            chat = Chat(engine, self.store, PlainScreen(out, io.StringIO()), HERE, ANA)
            task = asyncio.create_task(chat.run(lines, resume=True))
            try:
                yield ConsoleChatting(engine, lines, out)
            finally:
                task.cancel()
                await asyncio.wait([task])


@asynccontextmanager
async def console() -> AsyncIterator[ConsolePlatform]:
    """A chat through pipes."""
    yield ConsolePlatform()
