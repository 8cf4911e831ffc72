"""Shows `parley setup` as somebody sees it: from an empty home to an answer on Discord and Slack.

    python -m tools.setup_transcript             # prints what the terminal showed
    python -m tools.setup_transcript --hold      # prints the command to try it by hand, and waits

Discord, Slack and Ollama are loopback servers (`tests/discord_loopback`, `tests/slack_loopback`).
"""

import argparse
import asyncio
import shlex
import signal
import tempfile
from pathlib import Path

from tests.parley.parley_program import MAIN
from tests.parley.setup.scene import APP_TOKEN, DISCORD_TOKEN, Scene, scene
from tests.slack_loopback import Someone
from tests.terminal import TerminalProgram
from tests.until import until

STEPS = (
    ("Which one should answer?", None),
    ("Where should it answer?", "3"),
    ("Paste Discord's bot token", f'"Bot {DISCORD_TOKEN}"'),
    ("Register the slash commands", ""),
    ("created the Slack app already?", ""),
    ("Paste Slack's app-level token", APP_TOKEN),
    ("Paste Slack's bot token", "{slack}"),
    ("Where should the first message go?", "1"),
    ("Slack channel for the first message", "C000001"),
)
"""What is asked, and what is typed; None chooses the demo model."""


async def transcript(stage: Scene) -> str:
    """Answer every question, ask something on both platforms, and end with Ctrl-C."""
    with stage.setup() as program:
        for question, answer in STEPS:
            await asyncio.to_thread(program.wait_for, question)
            typed = _demo(program) if answer is None else answer
            program.type(typed.format(slack=stage.slack_token) + "\r")
        await asyncio.to_thread(_to_the_end, program)
        await until(lambda: stage.discord.gateway.connected and stage.slack.sockets)
        await _ask_on_both(stage)
        program.signal(signal.SIGINT)
        await asyncio.to_thread(program.ended)
        return program.terminal.text


def _demo(program: TerminalProgram) -> str:
    """The number of the demo model."""
    for line in program.terminal.lines:
        if "the demo model of Parley" in line:
            return line.split()[0]
    raise AssertionError(program.terminal.text)


def _to_the_end(program: TerminalProgram) -> None:
    ends = ("as a service, which", "Start answering now")
    program.wait_until(lambda text: any(end in text for end in ends), "the end")
    if "as a service, which" in program.terminal.text:
        program.type("n\r")
        program.wait_for("Start answering now")
    program.type("y\r")
    program.wait_for("Discord: ")
    program.wait_for("Slack: ")


async def _ask_on_both(stage: Scene) -> None:
    """Mention the bot on both platforms and wait for the answers."""
    ana = stage.discord.world.user("Ana")
    await stage.discord.say(stage.general, ana, "<@500000000000000001> What is a CPU?")
    before = len(stage.slack.team.answers("C000001"))
    bea = Someone(stage.slack, "UBEA", "Bea")
    stage.slack.team.channels["C000001"].members.add("UBEA")
    asked = await bea.mention("C000001", "What is a CPU?")
    await until(lambda: _answered(stage, before, asked.ts))
    for message in stage.discord.world.answers_in(stage.general):
        print("Discord:", message.content)
    for posted in stage.slack.team.answers("C000001"):
        print("Slack:", posted.shown)


def _answered(stage: Scene, before: int, asked: str) -> bool:
    there = stage.discord.world.answers_in(stage.general)
    slack = stage.slack.team
    answers = [*slack.answers("C000001")[before:], *slack.answers("C000001", asked)]
    ended = [m for m in there if "CPU" in m.content and "regenerate" in m.buttons]
    return bool(ended) and any("CPU" in a.shown and not a.streaming for a in answers)


async def _hold(stage: Scene) -> None:
    variables = " ".join(f"{k}={shlex.quote(v)}" for k, v in stage.environment.items())
    print(f"env -i TERM=xterm-256color {variables} {shlex.join([*MAIN, 'setup'])}")
    print(f"Discord's token: {DISCORD_TOKEN}; Slack's: {stage.slack_token}, {APP_TOKEN}")
    await asyncio.Event().wait()


async def main(*, hold: bool) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with scene(Path(home)) as stage:
            if hold:
                await _hold(stage)
            print(await transcript(stage))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", action="store_true")
    asyncio.run(main(hold=parser.parse_args().hold))
