"""The scenarios' people on the loopback Discord: in a direct message, and in a channel."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from bot.engine.models import ModelSlots
from bot.messages import ConversationKey
from bot.ports import Generator
from tests.adapters.discord.scene import Scene, loopback, whole
from tests.discord_loopback import BOT, Channel, Interaction, Message, User
from tests.discord_loopback.world import GUILD, new_id
from tests.scenarios.driver import (
    Answer,
    Can,
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

MODAL = 9
"""The type of an interaction's response that opens a window."""


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


# ---------------------------------------------------------------- several people


class DiscordGroupPlatform:
    """A channel with Ana, Ben and the moderator Ada. With `threads`, each question opens one."""

    def __init__(self, scene: Scene, *, threads: bool) -> None:
        self.store = scene.store
        self.scene = scene
        self.threads = threads
        world = scene.discord.world
        self.people: dict[Who, User] = {
            Who.ANA: scene.ana,
            Who.BEN: world.user("Ben"),
            Who.ADA: world.user("Ada", moderator=True),
        }
        self.elsewhere = world.channel("elsewhere")
        self.peoples_thread = world.thread(
            scene.general, new_id(), "Of people", self.people[Who.BEN]
        )
        self.first = ""
        """The id of the first question, whose thread is the conversation with `threads`."""

    def configure(self, **delivery: Any) -> None:
        changed = self.scene.settings.delivery.model_copy(update=delivery)
        self.scene.settings = self.scene.settings.model_copy(update={"delivery": changed})

    def add_model(self, name: str, generator: Generator) -> None:
        self.scene.further[name] = ModelSlots(generator, 8)

    def set_topic(self, topic: str) -> None:
        self.scene.general.topic = topic

    def answer_all(self, ignore_prefix: str = "//") -> None:
        settings, here = self.scene.settings, frozenset({self.scene.general.id})
        self.scene.settings = settings.model_copy(
            update={
                "discord": settings.discord.model_copy(update={"answer_all_channels": here}),
                "conversation": settings.conversation.model_copy(
                    update={"ignore_prefix": ignore_prefix}
                ),
            }
        )

    def fold_thoughts(self) -> None:
        changed = self.scene.settings.conversation.model_copy(update={"thinking": "fold"})
        self.scene.settings = self.scene.settings.model_copy(update={"conversation": changed})

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator["DiscordGroup"]:
        async with self.scene.running(generator):
            yield DiscordGroup(self)


class DiscordGroup:
    names = CommandNames(reset="`/reset`", forget="`/forget me`")
    named = Named("Loopback", "general", "Parley")
    names_forwarded = False

    def __init__(self, platform: DiscordGroupPlatform) -> None:
        self.engine = platform.scene.engine
        self._platform = platform
        self._discord = platform.scene.discord
        self._newest: Message | None = None

    # ------------------------------------------------------------ where

    def _channel(self, where: Where, who: Who = Who.ANA) -> Channel:
        platform, world = self._platform, self._discord.world
        match where:
            case Where.HERE:
                thread = world.channels.get(platform.first) if platform.threads else None
                return thread or platform.scene.general
            case Where.CHANNEL:
                return platform.scene.general
            case Where.PEOPLES_THREAD:
                return platform.peoples_thread
            case Where.ELSEWHERE:
                return platform.elsewhere
            case Where.DIRECT:
                return world.direct(platform.people[who])

    @property
    def key(self) -> ConversationKey:
        here = self._channel(Where.HERE)
        thread = here.id if here.parent else ""
        return ConversationKey("discord", (here.parent or here).id, thread, str(GUILD))

    # ------------------------------------------------------------ messages

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
        message = self._newest = await self._discord.say(
            self._channel(where, who),
            self._platform.people[who],
            _written(text),
            files=dict(files or {}),
            reply_to=quoting.message if quoting else None,
            ago=ago,
        )
        if where is Where.HERE and "@bot" in text:
            self._platform.first = self._platform.first or message.id
        return Said(who, message, Told(partial(self._replies_to, message)))

    def _replies_to(self, message: Message) -> list[str]:
        """What the bot says to a message besides an answer: replies, and texts in its thread."""
        return [
            said.content
            for said in self._discord.world.messages.values()
            if said.author is BOT and not (said.components or said.ephemeral)
            if said.replies_to is message or said.channel.id == message.id
        ]

    async def forward(self, who: Who, said: Said, where: Where) -> Said:
        person, channel = self._platform.people[who], self._channel(where, who)
        message = await self._discord.say(channel, person, "", forwards=said.message)
        return Said(who, message, Told(partial(self._replies_to, message)))

    async def machine_says(self, text: str) -> None:
        channel, written = self._channel(Where.CHANNEL), _written(text)
        beep = self._discord.world.user("Beep", bot=True)
        await self._discord.say(channel, beep, written)
        await self._discord.say(channel, self._platform.people[Who.BEN], written, webhook=True)

    async def edit(self, said: Said, text: str) -> None:
        await self._discord.change(said.message, _written(text))

    async def delete(self, said: Said) -> None:
        await self._discord.delete(said.message)

    async def ask_by_command(self, who: Who, text: str) -> Told:
        return _told_in_private(await self._use(who, "ask", Where.CHANNEL, question=text))

    async def ask_about(self, who: Who, said: Said, text: str) -> None:
        user = self._platform.people[who]
        opened = await self._discord.message_command(user, said.message, "Ask Parley about this")
        await until(lambda: opened.callback)
        await self._discord.submit(user, opened, text)

    # ------------------------------------------------------------ what people see

    def answers(self, where: Where = Where.HERE) -> list[Answer]:
        shown = self._discord.world.answers_in(self._channel(where))
        return [_answer(message) for message in shown if message.components]

    def posted(self, where: Where = Where.HERE) -> int:
        return len(self._discord.world.answers_in(self._channel(where)))

    async def settled(self) -> None:
        await self.engine.finish()

    # ------------------------------------------------------------ buttons and commands

    async def press(self, who: Who, button: Press, answer: Answer) -> Told:
        user = self._platform.people[who]
        return _told(await self._discord.press(user, answer.message, button.lower()))

    async def press_elsewhere(self, who: Who, button: Press, answer_id: int, where: Where) -> Told:
        user, channel = self._platform.people[who], self._channel(where, who)
        forged = f"parley:{button.lower()}:{answer_id}"
        return _told(await self._discord.press_forged(user, channel, forged))

    async def command(
        self,
        who: Who,
        command: Command,
        changes: Mapping[str, str] | None = None,
        *,
        where: Where = Where.HERE,
    ) -> Told:
        name, options = _USED[command]
        return _told(await self._use(who, name, where, **{**options, **(changes or {})}))

    async def _use(self, who: Who, name: str, where: Where, /, **options: Any) -> Interaction:
        name, _, sub = name.partition(" ")
        user, channel = self._platform.people[who], self._channel(where, who)
        used = await self._discord.command(user, channel, name, sub=sub, **options)
        await until(lambda: used.callback)
        return used

    async def system_prompt(self, who: Who) -> str:
        opened = await self._use(who, "system", Where.HERE)
        assert opened.callback is not None
        (row,) = opened.callback["data"]["components"]
        return str(row["components"][0].get("value") or "")

    async def set_system_prompt(self, who: Who, text: str) -> Told:
        opened = await self._use(who, "system", Where.HERE)
        assert opened.callback is not None
        if opened.callback["type"] != MODAL:
            return _told(opened)
        return _told(await self._discord.submit(self._platform.people[who], opened, text))

    def direct(self, who: Who) -> list[Sent]:
        channel = self._discord.world.direct(self._platform.people[who])
        messages = self._discord.world.answers_in(channel)
        return [Sent(message.content, message.files) for message in messages]

    def close_direct(self, who: Who) -> None:
        self._discord.world.direct(self._platform.people[who]).closed = True

    # ------------------------------------------------------------ the connection

    async def lose_connection(self) -> None:
        gateway = self._discord.gateway
        before = gateway.resumed
        await gateway.drop()
        await until(lambda: gateway.resumed > before)

    async def deliver_again(self) -> None:
        assert self._newest is not None
        session = self._discord.gateway.current
        if session is not None and any(self._newest.id in frame for frame in session.events):
            await self._discord.gateway.again()
        else:
            await self._discord.tell(self._newest)

    @asynccontextmanager
    async def unheard(self) -> AsyncIterator[None]:
        gateway = self._discord.gateway
        connected, before = gateway.connected, gateway.identified
        if connected:
            gateway.identifies.clear()
            await gateway.invalidate(resumable=False)
        gateway.current = None
        yield
        if connected:
            gateway.identifies.set()
            await until(lambda: gateway.identified > before)

    @property
    def histories_read(self) -> int:
        return sum(call.method == "GET" for call in self._discord.rest.calls)


_USED: dict[Command, tuple[str, dict[str, Any]]] = {
    Command.STOP: ("stop", {}),
    Command.STOP_EVERYONE: ("stop", {"everyone": True}),
    Command.RESET: ("reset", {}),
    Command.SETTINGS: ("settings", {}),
    Command.MUTE: ("mute", {}),
    Command.UNMUTE: ("unmute", {}),
    Command.FORGET_ME: ("forget me", {}),
    Command.EXPORT_ME: ("export me", {}),
    Command.SUMMARIZE: ("summarize", {}),
    Command.STATUS: ("status", {}),
    Command.PRIVACY: ("privacy", {}),
    Command.STATS: ("stats", {}),
    Command.MODEL: ("model", {}),
}


def _written(text: str) -> str:
    return text.replace("@bot", BOT.mention)


def _told(used: Interaction) -> Told:
    return Told(lambda: used.said)


def _told_in_private(used: Interaction) -> Told:
    """Without the question itself, which the response shows to all."""
    return Told(lambda: [message.content for message in used.followups if message.content])


def _answer(message: Message) -> Answer:
    notes = [line for line in message.content.split("\n") if line.startswith("-# ")]
    buttons = frozenset(Press(action.capitalize()) for action in message.buttons)
    return Answer(whole([message]), "\n".join(notes).removeprefix("-# "), buttons, message)


@asynccontextmanager
async def _channel(*, threads: bool) -> AsyncIterator[DiscordGroupPlatform]:
    async with loopback() as scene:
        if threads:
            conversation = scene.settings.conversation.model_copy(update={"scope": "thread"})
            scene.settings = scene.settings.model_copy(update={"conversation": conversation})
        yield DiscordGroupPlatform(scene, threads=threads)


_CAN = frozenset(Can) - {Can.THREADS}

discord_variants = (
    Variant("discord", partial(_channel, threads=False), _CAN),
    Variant("discord_threads", partial(_channel, threads=True), _CAN | {Can.THREADS}),
)
