"""The scenarios' people on the loopback Slack: in a direct message and in a channel, where answers
are edited or streamed."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from adapters.slack.mrkdwn import escaped
from adapters.slack.shortcuts import ASK
from bot.engine.models import ModelSlots
from bot.messages import ConversationKey
from bot.ports import Generator
from storage.in_memory import MemoryStore
from tests.adapters.slack.bench import Bench, bench
from tests.fake_surface import join
from tests.scaled_clock import ScaledClock
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
from tests.slack_loopback import File, LoopbackSlack, Message, Someone, Team, Used
from tests.until import until


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


# ---------------------------------------------------------------- several people

FACTOR = 60.0
"""Seconds of the clock in one of the wall's."""

_LABELS = {
    Press.UP: "Good answer",
    Press.DOWN: "Bad answer",
    Press.THINKING: "Show thinking",
}
"""Where a button's label is not the value of its `Press`."""


class SlackGroupPlatform:
    """A channel with Ana, Ben and the workspace's admin Ada. With `threads`, each question opens
    one; with `below`, the answers to the channel's questions stand in threads below them; with
    `streaming`, answers in threads are streamed."""

    def __init__(
        self, slack: LoopbackSlack, *, threads: bool, streaming: bool, below: bool = False
    ) -> None:
        self.store = MemoryStore()
        self.slack = slack
        self.threads = threads
        self._further: dict[str, ModelSlots] = {}
        self.below = below
        self._settings: dict[str, Any] = {
            "slack": {"streaming": streaming, "reply_in": "thread" if below else "channel"},
            "conversation": {"scope": "thread" if threads else "channel"},
        }
        self.people = {
            Who.ANA: Someone(slack, "U1", "Ana"),
            Who.ADA: Someone(slack, "U2", "Ada", is_admin=True),
            Who.BEN: Someone(slack, "U3", "Ben"),
        }
        slack.team.trigger_seconds *= FACTOR  # three of the wall's: the machine may be busy
        for channel in ("C1", "C2"):
            slack.team.channel(channel)
        for person in self.people.values():
            slack.team.channel(_direct(person), "im")
        self.peoples_thread = self.people[Who.BEN].post("C1", "What a day").ts
        self.first = ""
        """The ``ts`` of the first question, whose thread is the conversation with `threads`."""

    def configure(self, **delivery: Any) -> None:
        self._settings["delivery"] = delivery

    def add_model(self, name: str, generator: Generator) -> None:
        self._further[name] = ModelSlots(generator, 8)

    def set_topic(self, topic: str) -> None:
        self.slack.team.channels["C1"].topic = escaped(topic)

    def answer_all(self, ignore_prefix: str = "//") -> None:
        self._settings["slack"]["answer_all_channels"] = ["C1"]
        self._settings["conversation"]["ignore_prefix"] = ignore_prefix

    def fold_thoughts(self) -> None:
        self._settings["conversation"]["thinking"] = "fold"

    @asynccontextmanager
    async def running(self, generator: Generator) -> AsyncIterator["SlackGroup"]:
        async with bench(
            generator=generator,
            at=self.slack,
            store=self.store,
            further=self._further,
            **self._settings,
        ) as running:
            yield SlackGroup(self, running)


class SlackGroup:
    names = CommandNames(reset="`/reset`", forget="`/parley forget me`")
    named = Named("T1", "name-of-c1", "parley")
    names_forwarded = True

    def __init__(self, platform: SlackGroupPlatform, running: Bench) -> None:
        self.engine = running.engine
        self._platform = platform
        self._bench = running
        self._team = running.team
        self._newest = ""

    # ------------------------------------------------------------ where

    def _place(self, where: Where, who: Who = Who.ANA) -> tuple[str, str]:
        """The channel and the thread."""
        match where:
            case Where.HERE:
                return "C1", self._platform.first if self._platform.threads else ""
            case Where.CHANNEL:
                return "C1", ""
            case Where.PEOPLES_THREAD:
                return "C1", self._platform.peoples_thread
            case Where.ELSEWHERE:
                return "C2", ""
            case Where.DIRECT:
                return _direct(self._platform.people[who]), ""

    @property
    def key(self) -> ConversationKey:
        channel, thread = self._place(Where.HERE)
        return ConversationKey("slack", channel, thread, "T1")

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
        assert quoting is None, "Slack has no replies"
        (channel, thread), told = self._place(where, who), self._private_to(who)
        uploads = [
            File(f"F-{name}", name, data, "image/png" if name.endswith(".png") else "text/plain")
            for name, data in (files or {}).items()
        ]
        written = self._written(text)
        person = self._platform.people[who]
        message = await person.say(channel, written, thread=thread, files=uploads, ago=ago)
        self._newest = message.ts
        if where is Where.HERE and "@bot" in text:
            self._platform.first = self._platform.first or message.ts
        return Said(who, message, told)

    def _written(self, text: str) -> str:
        """As Slack sends it: what a person types is escaped."""
        return escaped(text).replace("@bot", f"<@{self._team.bot_user}>")

    def _private_to(self, who: Who, used: Used | None = None) -> Told:
        """What only this person is told from now on, in reply to `used` too."""
        user = self._platform.people[who].id
        before = len(self._team.ephemeral(user))
        return Told(
            lambda: [*(used.told if used else ()), *self._team.ephemeral(user)[before:]],
        )

    async def forward(self, who: Who, said: Said, where: Where) -> Said:
        (channel, thread), told = self._place(where, who), self._private_to(who)
        person, author = self._platform.people[who], self._platform.people[said.who]
        shared = [author.share_of(said.message)]
        message = await person.say(channel, "", thread=thread, attachments=shared)
        return Said(who, message, told)

    async def machine_says(self, text: str) -> None:
        written = self._written(text)
        for machine in ({"bot_id": "BAPP"}, {"bot_id": "BAPP", "subtype": "bot_message"}):
            await self._platform.people[Who.BEN].say("C1", written, as_app=machine)

    async def edit(self, said: Said, text: str) -> None:
        await self._platform.people[said.who].edit(said.message, self._written(text))

    async def delete(self, said: Said) -> None:
        await self._platform.people[said.who].delete(said.message)

    async def ask_by_command(self, who: Who, text: str) -> Told:
        return await self._use(who, f"/ask {text}", Where.CHANNEL)

    async def ask_about(self, who: Who, said: Said, text: str) -> None:
        person, windows = self._platform.people[who], len(self._team.views)
        await person.use_shortcut(ASK, said.message)
        await until(lambda: len(self._team.views) > windows)
        await person.submit(self._team.views[-1], {"question": {"question": {"value": text}}})

    # ------------------------------------------------------------ what people see

    def answers(self, where: Where = Where.HERE) -> list[Answer]:
        shown = self._posted(where)
        answers = [_answer(m) for m in shown if m.stream_began or any(m.elements())]
        return [*answers, *(_waiting(*thread, self._team) for thread in self._waiting_in(where))]

    def _waiting_in(self, where: Where) -> list[tuple[str, str]]:
        """The threads of a place that show the status of an answer which has no message yet."""
        channel, thread = self._place(where)
        below = self._platform.below and not thread
        found = [at for at in self._team.lines if self._team.line(*at) and at[0] == channel]
        return [
            at
            for at in found
            if at[1] == thread or (below and at[1] != self._platform.peoples_thread)
        ]

    def posted(self, where: Where = Where.HERE) -> int:
        return len(self._posted(where))

    def _posted(self, where: Where) -> list[Message]:
        """The bot's messages in a place; those below the channel's questions are the channel's."""
        channel, thread = self._place(where)
        shown = self._team.answers(channel, thread)
        if self._platform.below and not thread:
            first = [m.ts for m in self._team.visible(channel) if not m.bot_id]
            first = [ts for ts in first if ts != self._platform.peoples_thread]
            first += [m.ts for m in self._team.messages.values() if m.deleted]
            shown += [m for ts in first for m in self._team.answers(channel, ts)]
        return sorted(shown, key=lambda message: message.ts)

    async def settled(self) -> None:
        await self._bench.answered()

    # ------------------------------------------------------------ buttons and commands

    async def press(self, who: Who, button: Press, answer: Answer) -> Told:
        person, told = self._platform.people[who], self._private_to(who)
        if isinstance(answer.message, tuple):  # a thread whose session is processing
            assert button is Press.STOP
            await person.stop_session(*answer.message)
            return told
        if answer.message.streaming:  # Slack's own button is there then
            assert button is Press.STOP
            await person.stop_natively(answer.message)
            return told
        used = await person.press(answer.message, _LABELS.get(button, button.value))
        return self._private_to(who, used)

    async def press_elsewhere(self, who: Who, button: Press, answer_id: int, where: Where) -> Told:
        channel, _ = self._place(where, who)
        action = {
            "type": "button",
            "action_id": f"parley_{button.lower()}",
            "value": str(answer_id),
        }
        if button in (Press.UP, Press.DOWN):
            verdict = 1 if button is Press.UP else -1
            action = {
                "type": "feedback_buttons",
                "action_id": "parley_rate",
                "value": f"{answer_id} {verdict}",
            }
        return self._private_to(who, await self._platform.people[who].press_forged(channel, action))

    async def command(
        self,
        who: Who,
        command: Command,
        changes: Mapping[str, str] | None = None,
        *,
        where: Where = Where.HERE,
    ) -> Told:
        if command is Command.MODEL:
            changed = list((changes or {}).values())
        else:
            changed = [f"{name}={value}" for name, value in (changes or {}).items()]
        typed = " ".join([_USED[command], *changed])
        return await self._use(who, typed, where)

    async def _use(self, who: Who, typed: str, where: Where = Where.HERE) -> Told:
        """Use a command; in a thread, where Slack has none, by a message."""
        channel, thread = self._place(where, who)
        if thread:
            words = typed if typed.startswith("/parley") else f"/parley {typed[1:]}"
            return (await self.say(who, f"@bot {words}", where=where)).told
        name, _, rest = typed.partition(" ")
        used = await self._platform.people[who].command(name, rest, channel)
        return self._private_to(who, used)

    async def system_prompt(self, who: Who) -> str:
        if self._place(Where.HERE)[1]:
            told = await self._use(who, "/parley system")
            shown = (await told.text()).removeprefix("System prompt:").strip()
            return "" if shown == "default" else shown
        await self._open_window(who)
        return str(self._team.views[-1]["blocks"][0]["element"].get("initial_value", ""))

    async def set_system_prompt(self, who: Who, text: str) -> Told:
        if self._place(Where.HERE)[1]:
            return await self._use(who, f"/parley system {text or 'default'}")
        windows = len(self._team.views)
        refused = await self._open_window(who)
        if len(self._team.views) == windows:
            return refused
        told = self._private_to(who)
        values = {"text": {"text": {"value": text}}}
        await self._platform.people[who].submit(self._team.views[-1], values)
        return told

    async def _open_window(self, who: Who) -> Told:
        windows = len(self._team.views)
        told = await self._use(who, "/parley system")
        await until(lambda: len(self._team.views) > windows or told.so_far)
        return told

    def direct(self, who: Who) -> list[Sent]:
        channel = _direct(self._platform.people[who])
        texts = [Sent(message.shown) for message in self._team.answers(channel)]
        files = [file for file in self._team.files.values() if file.channel == channel]
        return [*texts, *(Sent("", {file.name: file.content}) for file in files)]

    def close_direct(self, who: Who) -> None:
        self._team.unreachable.add(self._platform.people[who].id)

    # ------------------------------------------------------------ the connection

    async def lose_connection(self) -> None:
        await self._platform.slack.disconnect()

    async def deliver_again(self) -> None:
        for envelope in list(self._platform.slack.envelopes.values()):
            if envelope.payload.get("event", {}).get("ts") == self._newest:
                await self._platform.slack.redeliver(envelope)

    @asynccontextmanager
    async def unheard(self) -> AsyncIterator[None]:
        slack = self._platform.slack
        slack.loses_events = True
        yield
        slack.loses_events = False
        if slack.sockets and not slack.sockets[-1].closed:
            await slack.disconnect()

    @property
    def histories_read(self) -> int:
        reads = ("conversations.history", "conversations.replies")
        return sum(method in reads for method, _ in self._team.calls)


_USED = {
    Command.STOP: "/stop",
    Command.STOP_EVERYONE: "/stop all",
    Command.RESET: "/reset",
    Command.SETTINGS: "/parley settings",
    Command.MUTE: "/parley mute",
    Command.UNMUTE: "/parley unmute",
    Command.FORGET_ME: "/parley forget me",
    Command.EXPORT_ME: "/parley export me",
    Command.SUMMARIZE: "/parley summarize",
    Command.STATUS: "/parley status",
    Command.PRIVACY: "/parley privacy",
    Command.STATS: "/parley stats",
    Command.MODEL: "/parley model",
}


def _direct(person: Someone) -> str:
    """The channel of a person's direct message with the bot."""
    return f"D{person.id[1:]}"


def _waiting(channel: str, thread: str, team: Team) -> Answer:
    """What people see of an answer without a message: the thread's status, which Slack writes
    after the bot's name, and Slack's own stop button."""
    note = team.line(channel, thread).removeprefix("is waiting… ")
    note = note.replace("is thinking…", "Thinking…")
    stops = team.sessions[channel, thread] == "processing"
    return Answer("", note, frozenset({Press.STOP} if stops else ()), (channel, thread))


def _answer(message: Message) -> Answer:
    buttons = {Press.STOP} if message.streaming else set()
    for element in message.elements():
        rated = element["type"] == "feedback_buttons"
        named = {label: press for press, label in _LABELS.items()}
        label = "" if rated else element["text"]["text"]
        buttons |= {Press.UP, Press.DOWN} if rated else {named.get(label) or Press(label)}
    return Answer(message.shown, message.small_print, frozenset(buttons), message)


@asynccontextmanager
async def _channel(
    *, threads: bool, streaming: bool, below: bool = False
) -> AsyncIterator[SlackGroupPlatform]:
    async with LoopbackSlack(ScaledClock(FACTOR)) as slack:
        yield SlackGroupPlatform(slack, threads=threads, streaming=streaming, below=below)


_CAN = frozenset(Can) - {Can.THREADS, Can.QUOTES}
"""Slack has no replies to a message besides threads."""

slack_variants = (
    Variant("slack_replies", partial(_channel, threads=False, streaming=True, below=True), _CAN),
    Variant("slack_edited", partial(_channel, threads=False, streaming=False), _CAN),
    Variant(
        "slack_threads", partial(_channel, threads=True, streaming=False), _CAN | {Can.THREADS}
    ),
    Variant(
        "slack_streamed", partial(_channel, threads=True, streaming=True), _CAN | {Can.THREADS}
    ),
)
