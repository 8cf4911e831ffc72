"""Shows `parley setup` as somebody sees it: from an empty home to an answer on Discord and Slack.

    python -m tools.setup_transcript             # prints what the terminal showed, and the answers
    python -m tools.setup_transcript --picture   # draws docs/setup.svg, too
    python -m tools.setup_transcript --hold      # prints the command to try it by hand, and waits

Discord, Slack and Ollama are loopback servers (`tests/discord_loopback`, `tests/slack_loopback`).
"""

import argparse
import asyncio
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.text import Text

from tests.parley.parley_program import MAIN
from tests.parley.setup.scene import APP_TOKEN, DISCORD_TOKEN, Scene, scene
from tests.parley.setup.walk import SLACK_CHANNEL, walk
from tests.terminal import Terminal
from tools.picture import as_svg, styled

COLUMNS, LINES = 100, 400
PICTURE = Path("docs/setup.svg")
END = "Loading demo"
"""After the set-up's own text: what `parley run` logs."""
MANIFEST_LINES = 4
"""Lines of the manifest that the picture shows; it has a hundred."""


async def show(stage: Scene) -> str:
    """Walk through the set-up and print what there was to see. Returns the picture of it."""
    walked = await walk(stage)
    print(walked.shown)
    for platform, texts in (("Discord", walked.discord), ("Slack", walked.slack)):
        print(f"\n--- {platform}", *texts, sep="\n")
    return drawn(walked.written, stage.environment)


def drawn(written: str, environment: Mapping[str, str]) -> str:
    """The whole set-up as one picture, with the folders that somebody's own run would name."""
    for variable, folder in (("XDG_CONFIG_HOME", "~/.config"), ("XDG_DATA_HOME", "~/.local/share")):
        if variable in environment:
            written = written.replace(environment[variable], folder)
    screen = Terminal(COLUMNS, LINES)
    # the emulator does not support faint text (SGR 2): bright black (SGR 90) in its place
    screen.feed(written.replace("\x1b[2m", "\x1b[90m"))
    lines = [styled(screen.screen.buffer[row], COLUMNS) for row in range(len(screen.lines))]
    plain = [line.plain for line in lines]
    opened, closed = plain.index("{"), plain.index("}")
    end = next(number for number, line in enumerate(plain) if line.startswith(END))
    shortened = [*lines[: opened + MANIFEST_LINES], Text("  …"), *lines[closed:end]]
    return as_svg(shortened, COLUMNS, "parley setup")


async def hold(stage: Scene) -> str:
    """Keep the servers running for somebody who types."""
    variables = " ".join(f"{k}={shlex.quote(v)}" for k, v in stage.environment.items())
    print(f"env -i TERM=xterm-256color {variables} {shlex.join([*MAIN, 'setup'])}")
    print(f"Discord's token: {DISCORD_TOKEN}")
    print(f"Slack's tokens: {APP_TOKEN} and {stage.slack_token}; a channel: {SLACK_CHANNEL}")
    await asyncio.Event().wait()
    return ""


async def main(*, held: bool) -> str:
    with tempfile.TemporaryDirectory() as home:
        async with scene(Path(home)) as stage:
            return await (hold(stage) if held else show(stage))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", action="store_true", help=f"draw {PICTURE}")
    parser.add_argument("--hold", action="store_true", help="for trying it by hand")
    options = parser.parse_args()
    drawing = asyncio.run(main(held=options.hold))
    if options.picture:
        PICTURE.write_text(drawing, encoding="utf-8")
