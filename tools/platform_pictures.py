"""Records docs/chat-discord.svg and docs/chat-slack.svg, the README's pictures of the platforms.

    python -m tools.platform_pictures [FOLDER]

Parley runs with the demo model and its real adapters against the loopback servers of the tests;
what the channel then shows is drawn (`tools.chat_picture`). Sampling is greedy, so the pictures
change only when Parley or the demo model does.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.config import Settings
from bot.generation import WorkerGenerator
from bot.messages import Completion, Finished, ModelInfo, Prompt, Sampling
from bot.ports import Generator
from parley.app import worker_options
from tests.adapters.discord.scene import loopback
from tests.adapters.slack.bench import bench
from tests.discord_loopback import BOT
from tests.discord_loopback import Message as DiscordMessage
from tests.scaled_clock import ScaledClock
from tests.slack_loopback import LoopbackSlack, Someone, Team
from tests.slack_loopback import Message as SlackMessage
from tests.until import until
from tools.chat_picture import DISCORD, DOWN, SLACK, UP, Button, Look, Post, draw

FOLDER = Path("docs")
TIME = "10:24"
STOPS = 4
"""Discord's style of buttons for what ends something."""
STOPS_AFTER = 110
"""Characters of the second answer that are there when the picture is taken, or Stop is pressed."""


class Held:
    """A generator that samples greedily and, while `holding`, stops for a moment in an answer."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.holding = False
        self.held = asyncio.Event()
        self.released = asyncio.Event()

    async def start(self) -> ModelInfo:
        return await self._generator.start()

    async def count(self, prompt: Prompt | Completion) -> int:
        return await self._generator.count(prompt)

    async def stream(
        self, prompt: Prompt | Completion, sampling: Sampling
    ) -> AsyncGenerator[str | Finished]:
        written = 0
        async for piece in self._generator.stream(prompt, replace(sampling, temperature=0.0)):
            yield piece
            written += len(piece) if isinstance(piece, str) else 0
            if self.holding and written > STOPS_AFTER:
                self.held.set()
                await self.released.wait()

    async def aclose(self) -> None:
        await self._generator.aclose()


async def discord_posts(generator: Generator) -> list[Post]:
    """A finished answer, one that is being written, and a question that waits for its turn."""
    held = Held(generator)
    async with loopback() as scene:
        scene.slots = 1
        world, ben = scene.discord.world, scene.discord.world.user("Ben")
        async with scene.running(held):
            await scene.answer(scene.general, scene.ana, "Show me a function in Python.")
            held.holding = True
            await scene.discord.ask(scene.general, ben, "Write a poem about the sea.")
            await held.held.wait()
            await scene.discord.ask(scene.general, scene.ana, "What is a CPU?")
            await until(lambda: len(world.answers_in(scene.general)) == 3)
            await until(lambda: _text(world.answers_in(scene.general)[1]).count("\n") >= 2)
            shown = _discord_posts(world.shown_in(scene.general))
            held.released.set()
            await scene.engine.finish()
    return shown


def _discord_posts(messages: Sequence[DiscordMessage]) -> list[Post]:
    posts: dict[str, Post] = {}
    for message in messages:
        lines = _text(message).split("\n")
        posts[message.id] = Post(
            message.author.name,
            "\n".join(line for line in lines if not line.startswith("-# ")),
            TIME,
            bot=message.author is BOT,
            note=" ".join(line[3:] for line in lines if line.startswith("-# ")),
            buttons=tuple(
                Button(button.get("label") or button["emoji"]["name"], button["style"] == STOPS)
                for row in message.components
                for button in row["components"]
            ),
            answers=posts.get(message.replies_to.id) if message.replies_to else None,
        )
    return list(posts.values())


def _text(message: DiscordMessage) -> str:
    return message.content.replace(BOT.mention, f"@{BOT.name}")


async def slack_posts(generator: Generator) -> list[Post]:
    """A finished answer, one that was stopped, and a private reply to a command."""
    held = Held(generator)
    async with LoopbackSlack(ScaledClock()) as slack:
        ana, ben = Someone(slack, "U1", "Ana"), Someone(slack, "U3", "Ben")
        slack.team.channel("C1")
        quiet: dict[str, Any] = {
            "slack": {"streaming": False},
            "conversation": {"scope": "channel"},
        }
        async with bench(generator=held, at=slack, **quiet) as running:
            mention = f"<@{slack.team.bot_user}>"
            await ana.say("C1", f"{mention} What is a CPU?")
            await until(lambda: len(slack.team.answers("C1")) == 1)
            await running.answered()
            held.holding = True
            await ben.say("C1", f"{mention} Write a poem about the sea.")
            await held.held.wait()
            answer = slack.team.answers("C1")[-1]
            await until(lambda: answer.shown.count("\n") >= 2)
            await ben.press(answer, "Stop")
            held.released.set()
            await running.answered()
            used = await ana.command("/parley", "forget me", "C1")
            await until(lambda: used.told or slack.team.ephemeral("U1"))
            told = [*used.told, *slack.team.ephemeral("U1")]
        posts = [_slack_post(slack.team, message) for message in slack.team.visible("C1")]
    return [*posts, Post("Parley", told[0], TIME, bot=True, private=True)]


def _slack_post(team: Team, message: SlackMessage) -> Post:
    buttons: list[Button] = []
    for element in message.elements():
        if element["type"] == "feedback_buttons":
            buttons += [Button(UP), Button(DOWN)]
        else:
            buttons.append(Button(element["text"]["text"], element.get("style") == "danger"))
    name = str(team.users[message.user]["profile"]["display_name"])
    return Post(
        "Parley" if message.bot_id else name,
        message.shown.replace(f"<@{team.bot_user}>", "@Parley"),
        TIME,
        bot=bool(message.bot_id),
        note=message.small_print,
        buttons=tuple(buttons),
    )


async def record(folder: Path) -> None:
    generator = WorkerGenerator(worker_options(Settings()))
    try:
        pictures: list[tuple[str, list[Post], Look]] = [
            ("chat-discord.svg", await discord_posts(generator), DISCORD),
            ("chat-slack.svg", await slack_posts(generator), SLACK),
        ]
    finally:
        await generator.aclose()
    for name, posts, look in pictures:
        (folder / name).write_text(draw(posts, look), "utf-8")
        print(f"{folder / name}: {len(posts)} messages")


if __name__ == "__main__":
    asyncio.run(record(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
