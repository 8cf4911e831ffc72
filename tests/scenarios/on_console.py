"""The scenarios' person at a terminal's pipe."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from adapters.console.chat import Chat
from adapters.console.plain import PlainScreen
from bot.clock import SystemClock
from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.models import ModelSlots
from bot.messages import ConversationKey, Person
from bot.ports import Generator
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import options
from tests.scenarios.driver import (
    Answer,
    Command,
    CommandNames,
    Named,
    Press,
    Said,
    Sent,
    Told,
    Variant,
    Where,
    Who,
)
from tests.until import until

HERE = ConversationKey("console", "terminal")
DEFAULT_PROMPT = "Be kind."
"""As `options` configures it; the terminal shows it, where other platforms leave a field empty."""
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


@dataclass(frozen=True, slots=True)
class Terminal:
    """A chat that runs, with what is typed and what is printed."""

    engine: Engine
    lines: TypedLines
    out: io.StringIO
    aside: io.StringIO


class ConsolePlatform:
    def __init__(self) -> None:
        self.store = MemoryStore()
        self.further: dict[str, ModelSlots] = {}

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[ConsoleChatting]:
        async with self.terminal(generator) as run:
            yield ConsoleChatting(run.engine, run.lines, run.out)

    @asynccontextmanager
    async def terminal(self, generator: Generator) -> AsyncIterator[Terminal]:
        clock, lines, out, aside = SystemClock(), TypedLines(), io.StringIO(), io.StringIO()
        delivery = Delivery(clock, self.store, edit_interval=0.0)
        engine = Engine(generator, self.store, delivery, clock, options(), further=self.further)
        async with engine:
            chat = Chat(engine, self.store, PlainScreen(out, aside), HERE, ANA)
            task = asyncio.create_task(chat.run(lines, resume=True))
            try:
                yield Terminal(engine, lines, out, aside)
            finally:
                task.cancel()
                await asyncio.wait([task])


@asynccontextmanager
async def console() -> AsyncIterator[ConsolePlatform]:
    """A chat through pipes."""
    yield ConsolePlatform()


# ---------------------------------------------------------------- as a group of one


class ConsoleGroup:
    """The person at the terminal, who is the admin of their own conversation."""

    names = CommandNames(reset="/reset", forget="“parley history forget”")
    named = Named("no server", "a direct message", "Parley")
    key = HERE
    names_forwarded = False

    def __init__(self, run: Terminal) -> None:
        self.engine = run.engine
        self._run = run
        self._chatting = ConsoleChatting(run.engine, run.lines, run.out)

    async def say(
        self,
        who: Who,
        text: str,
        *,
        where: Where = Where.HERE,
        files: Mapping[str, bytes] | None = None,
        quoting: Said | None = None,
        ago: float = 0.0,
    ) -> Said:
        assert (who, where, files, quoting, ago) == (Who.ADA, Where.HERE, None, None, 0.0)
        told = self._printed()
        await self._chatting.say(text.replace("@bot", "").strip())
        return Said(who, text, told)

    def unheard(self) -> AbstractAsyncContextManager[None]:
        raise AssertionError("there is no history")

    @property
    def histories_read(self) -> int:
        raise AssertionError("there is no history")

    def _printed(self) -> Told:
        """What is printed from now on, once the prompt is back."""
        run = self._run
        out, aside = len(run.out.getvalue()), len(run.aside.getvalue())

        def texts() -> list[str]:
            said = (run.aside.getvalue()[aside:] + run.out.getvalue()[out:]).strip()
            return [said] if said and run.lines.idle else []

        return Told(texts)

    async def forward(self, who: Who, said: Said, where: Where) -> Said:
        raise AssertionError("nobody else is here")

    async def machine_says(self, text: str) -> None:
        raise AssertionError("nobody else is here")

    async def edit(self, said: Said, text: str) -> None:
        raise AssertionError("what is printed stays")

    async def delete(self, said: Said) -> None:
        raise AssertionError("what is printed stays")

    async def ask_by_command(self, who: Who, text: str) -> Told:
        raise AssertionError("there is no such command")

    async def ask_about(self, who: Who, said: Said, text: str) -> None:
        raise AssertionError("there is nobody else")

    def answers(self, where: Where = Where.HERE) -> list[Answer]:
        """The newest one: what was printed before is above it."""
        text = self._chatting.read()
        ended = frozenset((Press.REGENERATE, Press.CONTINUE))
        buttons = ended if self._run.lines.idle else frozenset((Press.STOP,))
        return [Answer(text, "", buttons, text)] if text else []

    def posted(self, where: Where = Where.HERE) -> int:
        return len(self.answers(where))

    async def press(self, who: Who, button: Press, answer: Answer) -> Told:
        told = self._printed()
        await self._chatting.press(button)
        return told

    async def press_elsewhere(self, who: Who, button: Press, answer_id: int, where: Where) -> Told:
        raise AssertionError("there is no other place")

    async def command(
        self,
        who: Who,
        command: Command,
        changes: Mapping[str, str] | None = None,
        *,
        where: Where = Where.HERE,
    ) -> Told:
        return self._type(" ".join([f"/{command.name.lower()}", *(changes or {}).values()]))

    def _type(self, line: str) -> Told:
        told = self._printed()
        self._run.lines.type(line)
        return told

    async def system_prompt(self, who: Who) -> str:
        shown = await self._type("/system").text()
        prompt = shown.removeprefix("System prompt:").strip()
        return "" if prompt == DEFAULT_PROMPT else prompt

    async def set_system_prompt(self, who: Who, text: str) -> Told:
        return self._type(f"/system {text or 'default'}")

    def direct(self, who: Who) -> list[Sent]:
        raise AssertionError("there are no direct messages")

    def close_direct(self, who: Who) -> None:
        raise AssertionError("there are no direct messages")

    async def lose_connection(self) -> None:
        raise AssertionError("there is no connection")

    async def deliver_again(self) -> None:
        raise AssertionError("there is no connection")

    async def settled(self) -> None:
        await self._chatting.settled()


class ConsoleGroupPlatform:
    def __init__(self) -> None:
        self._platform = ConsolePlatform()
        self.store = self._platform.store

    def configure(self, **_delivery: Any) -> None:
        raise AssertionError("there is no history")

    def add_model(self, name: str, generator: Generator) -> None:
        self._platform.further[name] = ModelSlots(generator, 8)

    def set_topic(self, topic: str) -> None:
        raise AssertionError("there is no channel")

    def answer_all(self, ignore_prefix: str = "//") -> None:
        raise AssertionError("every line is a question")

    def fold_thoughts(self) -> None:
        raise AssertionError("there are no buttons")

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[ConsoleGroup]:
        async with self._platform.terminal(generator) as run:
            yield ConsoleGroup(run)


@asynccontextmanager
async def _terminal() -> AsyncIterator[ConsoleGroupPlatform]:
    yield ConsoleGroupPlatform()


console_variants = (Variant("console", _terminal),)
