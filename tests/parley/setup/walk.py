"""The whole way of somebody new: every question in a terminal, then a question in both channels."""

import asyncio
import signal
from dataclasses import dataclass

from tests.discord_loopback import BOT
from tests.parley.setup.scene import APP_TOKEN, DISCORD_TOKEN, Scene
from tests.slack_loopback import Someone
from tests.terminal import TerminalProgram
from tests.until import until

SLACK_CHANNEL = "C000001"
DEMO = "the demo model of Parley"
YES_OR_NO = ("y", "n")
STEPS = (
    ("Which one should answer?", DEMO),
    ("Where should it answer?", "Discord and Slack"),
    ("Paste Discord's bot token", f'"Bot {DISCORD_TOKEN}"'),
    ("Register the slash commands", ""),
    ("created the Slack app already?", ""),
    ("Paste Slack's app-level token", APP_TOKEN),
    ("Paste Slack's bot token", "{slack}"),
    ("Where should the first message go?", "1"),
    ("Slack channel for the first message", SLACK_CHANNEL),
    ("Serve it at http://127.0.0.1:8600?", "n"),
)
"""What is asked, and what is typed: for a choice a part of its label, in place of its number."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What there was at the end."""

    shown: str
    """Everything that the terminal showed."""
    written: str
    """Everything that was written to it, what was taken back included."""
    discord: list[str]
    """The bot's messages in the channels."""
    slack: list[str]


async def walk(stage: Scene) -> Walked:
    """Set up both platforms, start answering, ask on both, and end it with Ctrl-C."""
    with stage.setup() as program:
        for question, answer in STEPS:
            await asyncio.to_thread(program.wait_for, question)
            typed = answer if answer in YES_OR_NO else _number(program, answer) or answer
            program.type(typed.format(slack=stage.slack_token) + "\r")
        await asyncio.to_thread(_to_the_end, program)
        discord, slack = await _ask_on_both(stage)
        program.signal(signal.SIGINT)
        await asyncio.to_thread(program.ended)
        return Walked(program.terminal.text, program.written, discord, slack)


def _number(program: TerminalProgram, label: str) -> str:
    """The number of the choice with this label, among those shown last; "" where there is none."""
    found = [line.split() for line in program.terminal.lines if label and label in line]
    numbers = [words[0] for words in found if words[0].isdecimal()]
    return numbers[-1] if numbers else ""


def _to_the_end(program: TerminalProgram) -> None:
    ends = ("as a service, which", "Start answering now")
    program.wait_until(lambda text: any(end in text for end in ends), "the end")
    if ends[0] in program.terminal.text:
        program.type("n\r")
        program.wait_for(ends[1])
    program.type("y\r")
    program.wait_for("Slack: answering in")
    program.wait_for("Discord: parley in 1 server")


async def _ask_on_both(stage: Scene) -> tuple[list[str], list[str]]:
    """Mention the bot on both platforms; what it said, once both answers are whole."""
    ana = stage.discord.world.user("Ana")
    bea = Someone(stage.slack, "UBEA", "Bea")
    stage.slack.team.channels[SLACK_CHANNEL].members.add(bea.id)
    await stage.discord.say(stage.general, ana, f"{BOT.mention} What is a CPU?")
    asked = await bea.mention(SLACK_CHANNEL, "What is a CPU?")

    def there() -> list[str]:
        messages = stage.discord.world.answers_in(stage.general)
        return [m.content for m in messages if "regenerate" in m.buttons]

    def beside() -> list[str]:
        team = stage.slack.team
        messages = [*team.answers(SLACK_CHANNEL), *team.answers(SLACK_CHANNEL, asked.ts)]
        return [m.shown for m in messages if not m.streaming and list(m.elements())]

    await until(lambda: there() and any("computer" in text for text in beside()))
    return there(), beside()
