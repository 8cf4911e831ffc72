"""The loopback platforms as a schedule of whole processes uses them: one channel, one person."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from bot.clock import SystemClock
from tests import discord_loopback, slack_loopback
from tests.discord_loopback import TOKEN, Loopback, Window
from tests.slack_loopback import APP_TOKEN, LoopbackSlack, Someone


@dataclass(frozen=True, slots=True)
class Seen:
    """A message of the bot as people see it."""

    ref: str
    text: str
    note: str
    buttons: tuple[str, ...]
    streaming: bool = False


class Stage(Protocol):
    """A loopback platform with one channel and one person who asks in it."""

    settings: dict[str, str]
    """Of the program, as environment variables."""
    asked: list[str]
    """The message ids of the questions."""
    deleted: set[str]

    async def ask(self) -> None: ...
    async def edit(self) -> None:
        """Edit the newest question."""

    async def press(self, action: str) -> None:
        """Press this button of the bot's newest message that has it."""

    async def delete(self) -> None:
        """Delete the newest question."""

    def seen(self) -> list[Seen]:
        """The bot's messages that answer, in the order of posting."""
        ...


class DiscordStage:
    """`Stage`."""

    def __init__(self, discord: Loopback) -> None:
        self._discord = discord
        generous = Window(1000, 1.0)
        discord.rest.limits.windows = {"POST": generous, "PATCH": generous}
        self._general = discord.world.channel("general")
        self._ana = discord.world.user("Ana")
        self._questions: list[discord_loopback.Message] = []
        self.asked: list[str] = []
        self.deleted: set[str] = set()
        self.settings = {
            "PARLEY_DISCORD__TOKEN": TOKEN,
            "PARLEY_DISCORD__API_URL": discord.api_url,
            "PARLEY_DISCORD__GATEWAY_URL": discord.gateway.url,
        }

    async def ask(self) -> None:
        self._questions.append(await self._discord.ask(self._general, self._ana, "Count."))
        self.asked.append(self._questions[-1].id)

    async def edit(self) -> None:
        question = self._questions[-1]
        if not question.deleted:
            await self._discord.change(question, f"{question.content} Again.")

    async def delete(self) -> None:
        self.deleted.add(self._questions[-1].id)
        await self._discord.delete(self._questions[-1])

    async def press(self, action: str) -> None:
        for message in reversed(self._discord.world.answers_in(self._general)):
            if action in message.buttons:
                await self._discord.press(self._ana, message, action)
                return

    def seen(self) -> list[Seen]:
        found = []
        for message in self._discord.world.answers_in(self._general):
            lines = message.content.split("\n")
            note = lines.pop() if lines[-1].startswith("-# ") else ""
            found.append(Seen(message.id, "\n".join(lines), note, tuple(message.buttons)))
        return found


class SlackStage:
    """`Stage`."""

    def __init__(self, slack: LoopbackSlack) -> None:
        self._slack = slack
        self._team = slack.team
        self._ana = Someone(slack, "U1", "Ana")
        self._team.channel("C1")
        self._questions: list[slack_loopback.Message] = []
        self.asked: list[str] = []
        self.deleted: set[str] = set()
        self.settings = {
            "PARLEY_SLACK__BOT_TOKEN": self._team.bot_token,
            "PARLEY_SLACK__APP_TOKEN": APP_TOKEN,
            "PARLEY_SLACK__BASE_URL": slack.url,
        }

    async def ask(self) -> None:
        self._questions.append(await self._ana.mention("C1", "Count."))
        self.asked.append(self._questions[-1].ts)

    async def edit(self) -> None:
        question = self._questions[-1]
        if not question.deleted:
            await self._ana.edit(question, f"{question.text} Again.")

    async def delete(self) -> None:
        self.deleted.add(self._questions[-1].ts)
        await self._ana.delete(self._questions[-1])

    async def press(self, action: str) -> None:
        for message in reversed(self._answers()):
            for element in message.elements():
                if element.get("action_id") == f"parley_{action}":
                    await self._ana.press(message, element["text"]["text"])
                    return

    def seen(self) -> list[Seen]:
        return [
            Seen(
                message.ts,
                message.shown,
                message.small_print,
                tuple(e["action_id"].removeprefix("parley_") for e in message.elements()),
                message.streaming,
            )
            for message in self._answers()
        ]

    def _answers(self) -> list[slack_loopback.Message]:
        """In the channel, and in the threads below its questions."""
        threads = ["", *dict.fromkeys(self.asked)]
        shown = [message for ts in threads for message in self._team.answers("C1", ts)]
        return sorted(shown, key=lambda message: message.ts)


@asynccontextmanager
async def stage_on(platform: str) -> AsyncIterator[Stage]:
    """The loopback of this platform, which runs until the end of the context."""
    if platform == "discord":
        async with Loopback.open() as discord:
            yield DiscordStage(discord)
    else:
        async with LoopbackSlack(SystemClock()) as slack:
            yield SlackStage(slack)
