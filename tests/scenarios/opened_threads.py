"""Threads that people open on messages, for the scenarios about what belongs to a question.

A `Stage` outlives Parley's runs. Its people write in the channel and in threads, by the message on
which a thread was opened.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from bot.engine.window import WindowOptions
from bot.messages import Prompt, Sampling
from bot.ports import Generator, Store
from storage.in_memory import MemoryStore
from tests.adapters.discord.scene import loopback
from tests.adapters.slack.bench import bench
from tests.discord_loopback import Channel
from tests.discord_loopback import Message as DiscordMessage
from tests.scaled_clock import ScaledClock
from tests.scenarios.acting import answered
from tests.scenarios.driver import Answer, Said, Where, Who
from tests.scenarios.on_discord import DiscordGroup, DiscordGroupPlatform
from tests.scenarios.on_slack import FACTOR, SlackGroup, SlackGroupPlatform
from tests.scripted_generator import ScriptedGenerator
from tests.slack_loopback import LoopbackSlack
from tests.slack_loopback import Message as SlackMessage

Place = Where | str
"""A place of the driver's, or the id of the message on which a thread was opened."""


class Stage(Protocol):
    """A platform with a channel and people, before, between and after runs of Parley."""

    needs: str
    """What Parley lacks, in words, after `deny`."""

    @property
    def store(self) -> Store: ...

    def running(self, generator: Generator) -> AbstractAsyncContextManager[Any]:
        """One run of Parley: a `Group` whose places may also be threads."""
        ...

    async def thread_on(self, said: Said | Answer) -> str:
        """Open a thread on a message; its id."""
        ...

    def chatter(self, who: Who, texts: list[str], thread: str) -> None:
        """Messages in a thread of which Parley gets no event."""
        ...

    def deny(self) -> None:
        """Take the right to read what was said from Parley."""
        ...

    def reads(self) -> int:
        """How many times Parley asked for messages."""
        ...


# ---------------------------------------------------------------- Discord


class _DiscordGroup(DiscordGroup):
    def _channel(self, where: Any, who: Who = Who.ANA) -> Channel:
        if isinstance(where, str):
            return self._discord.world.channels[where]
        return super()._channel(where, who)


class DiscordStage:
    needs = "the permission Read Message History here"

    def __init__(self, platform: DiscordGroupPlatform) -> None:
        self.platform = platform
        self.store = platform.store

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[DiscordGroup]:
        async with self.platform.scene.running(generator):
            yield _DiscordGroup(self.platform)

    async def thread_on(self, said: Said | Answer) -> str:
        message: DiscordMessage = said.message
        discord = self.platform.scene.discord
        thread = discord.world.thread(
            message.channel, message.id, "A thread", self.platform.people[Who.BEN]
        )
        await discord.gateway.dispatch("THREAD_CREATE", thread.payload())
        return thread.id

    async def post_in_forum(self, who: Who, text: str) -> str:
        """A forum post: a thread whose first message has its id."""
        discord, author = self.platform.scene.discord, self.platform.people[who]
        forum = next(c for c in discord.world.channels.values() if c.forum)
        post = discord.world.channel("a post")
        post.parent, post.owner = forum, author
        await discord.gateway.dispatch("THREAD_CREATE", post.payload())
        first = DiscordMessage(post, author, text, post.id)
        discord.world.messages[first.id] = first
        await discord.tell(first)
        return post.id

    def chatter(self, who: Who, texts: list[str], thread: str) -> None:
        world = self.platform.scene.discord.world
        for text in texts:
            said = DiscordMessage(world.channels[thread], self.platform.people[who], text)
            world.messages[said.id] = said

    def deny(self) -> None:
        self.platform.scene.general.hidden = True

    def reads(self) -> int:
        return sum(call.method == "GET" for call in self.platform.scene.discord.rest.calls)


@asynccontextmanager
async def on_discord(*, channel_context: int = 0, **conversation: Any) -> AsyncIterator[Stage]:
    async with loopback() as scene:
        changes = {"channel_context": channel_context, **conversation}
        changed = scene.settings.conversation.model_copy(update=changes)
        scene.settings = scene.settings.model_copy(update={"conversation": changed})
        scene.discord.world.channel("forum", forum=True)
        threads = conversation.get("scope") == "thread"
        yield DiscordStage(DiscordGroupPlatform(scene, threads=threads))


# ---------------------------------------------------------------- Slack


class _SlackGroup(SlackGroup):
    def _place(self, where: Any, who: Who = Who.ANA) -> tuple[str, str]:
        return ("C1", where) if isinstance(where, str) else super()._place(where, who)


class SlackStage:
    needs = "the scope channels:history in this workspace"

    def __init__(
        self, slack: LoopbackSlack, channel_context: int, conversation: dict[str, Any]
    ) -> None:
        threads = conversation.get("scope") == "thread"
        self.platform = SlackGroupPlatform(slack, threads=threads, streaming=False, below=False)
        self.store = MemoryStore()
        self._slack = slack
        self._conversation = conversation
        self._window = WindowOptions(
            "Be kind.",
            True,
            Sampling(max_new_tokens=5000),
            channel_context=channel_context,
        )

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator[SlackGroup]:
        async with bench(
            generator=generator,
            at=self._slack,
            store=self.store,
            engine={"window": self._window},
            slack={"streaming": False},
            conversation=self._conversation,
        ) as running:
            yield _SlackGroup(self.platform, running)

    async def thread_on(self, said: Said | Answer) -> str:
        message: SlackMessage = said.message
        return message.ts

    def chatter(self, who: Who, texts: list[str], thread: str) -> None:
        for text in texts:
            self.platform.people[who].post("C1", text, thread=thread)

    def deny(self) -> None:
        self._slack.team.scopes.discard("channels:history")

    def reads(self) -> int:
        methods = ("conversations.history", "conversations.replies")
        return sum(method in methods for method, _ in self._slack.team.calls)


@asynccontextmanager
async def on_slack(*, channel_context: int = 0, **conversation: Any) -> AsyncIterator[Stage]:
    async with LoopbackSlack(ScaledClock(FACTOR)) as slack:
        yield SlackStage(slack, channel_context, conversation)


# ---------------------------------------------------------------- what people do there


def red_and_blue(**options: Any) -> ScriptedGenerator:
    """A model that always gives the same answer."""
    return ScriptedGenerator(lambda _: "Red and blue.", context=100_000, **options)


@dataclass(frozen=True, slots=True)
class Talk:
    """One run of Parley on a stage: what people do in its threads, and what the model was given."""

    stage: Stage
    chat: Any
    """The `Group`; its places may also be threads."""
    model: ScriptedGenerator

    async def ask(self, who: Who, text: str, thread: Place = Where.HERE) -> Said:
        """Ask, and wait until the answer is shown."""
        before = len(self.model.prompts)
        said: Said = await self.chat.say(who, f"@bot {text}", where=thread)
        await self.answered(before + 1)
        return said

    async def answered(self, prompts: int) -> None:
        """Wait until the model was given so many prompts, and all answers are shown."""
        await answered(self.chat, self.model, prompts)

    async def thread_on_answer(self) -> str:
        """Ana asks for two colours in the channel; a thread on the answer."""
        await self.ask(Who.ANA, "Name two colours.")
        return await self.stage.thread_on(self.only())

    async def thread_among_people(self, text: str) -> tuple[Said, str]:
        """Ana says this in the channel, and to nobody; it, and a thread on it."""
        said = await self.chat.say(Who.ANA, text, where=Where.CHANNEL)
        return said, await self.stage.thread_on(said)

    def last(self) -> Prompt:
        """What the model was given last."""
        return self.model.prompts[-1]

    def only(self, where: Place = Where.HERE) -> Answer:
        """The only answer in a place."""
        (answer,) = self.chat.answers(where)
        assert isinstance(answer, Answer)
        return answer

    def note(self, thread: str) -> str:
        """The small print below the newest answer in a thread."""
        return str(self.chat.answers(thread)[-1].note)


@asynccontextmanager
async def talking(stage: Stage, model: ScriptedGenerator | None = None) -> AsyncIterator[Talk]:
    """One run of Parley; by default with `red_and_blue`."""
    model = model or red_and_blue()
    async with stage.running(model) as chat:
        yield Talk(stage, chat, model)


@dataclass(frozen=True, slots=True)
class Opening:
    """One platform, and how its stage is opened: with ``[conversation]`` settings."""

    name: str
    open: Callable[..., AbstractAsyncContextManager[Stage]]

    @asynccontextmanager
    async def talk(
        self, model: ScriptedGenerator | None = None, **conversation: Any
    ) -> AsyncIterator[Talk]:
        """A stage and one run of Parley on it."""
        async with self.open(**conversation) as stage, talking(stage, model) as talk:
            yield talk


PLATFORMS = (Opening("discord", on_discord), Opening("slack", on_slack))
