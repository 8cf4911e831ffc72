"""Shows `parley setup` as somebody sees it: from an empty home to an answer on Discord and Slack.

    python -m tools.setup_transcript             # prints what the terminal showed, and the answers
    python -m tools.setup_transcript --hold      # prints the command to try it by hand, and waits

Discord, Slack and Ollama are loopback servers (`tests/discord_loopback`, `tests/slack_loopback`).
"""

import argparse
import asyncio
import shlex
import tempfile
from pathlib import Path

from tests.parley.parley_program import MAIN
from tests.parley.setup.scene import APP_TOKEN, DISCORD_TOKEN, Scene, scene
from tests.parley.setup.walk import SLACK_CHANNEL, walk


async def show(stage: Scene) -> None:
    """Walk through the set-up and print what there was to see."""
    walked = await walk(stage)
    print(walked.shown)
    for platform, texts in (("Discord", walked.discord), ("Slack", walked.slack)):
        print(f"\n--- {platform}", *texts, sep="\n")


async def hold(stage: Scene) -> None:
    """Keep the servers running for somebody who types."""
    variables = " ".join(f"{k}={shlex.quote(v)}" for k, v in stage.environment.items())
    print(f"env -i TERM=xterm-256color {variables} {shlex.join([*MAIN, 'setup'])}")
    print(f"Discord's token: {DISCORD_TOKEN}")
    print(f"Slack's tokens: {APP_TOKEN} and {stage.slack_token}; a channel: {SLACK_CHANNEL}")
    await asyncio.Event().wait()


async def main(*, held: bool) -> None:
    with tempfile.TemporaryDirectory() as home:
        async with scene(Path(home)) as stage:
            await (hold(stage) if held else show(stage))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hold", action="store_true", help="for trying it by hand")
    asyncio.run(main(held=parser.parse_args().hold))
