"""Records docs/session.svg, the README's picture: a chat with the demo model in a terminal.

    python -m tools.picture [FILE]

Runs `parley chat` in an emulated terminal (pyte), types the questions below, and writes the final
screen as an SVG. Sampling is greedy (temperature 0), so the text changes only when Parley or the
demo model does; the speeds shown are those of the machine.
"""

import io
import os
import re
import sys
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from pyte.screens import Char
from rich.console import Console
from rich.text import Text

from tests.terminal import Terminal, TerminalProgram

QUESTIONS = (
    "Hi, I am Ana.",
    "What is a CPU?",
    "Show me a function in Python.",
    "What is my name?",
    "stop",
)
COLUMNS, LINES = 92, 40
PICTURE = Path("docs/session.svg")

_FONTS = re.compile(r"\s*@font-face \{.*?\}\n", re.DOTALL)
"""Rich's SVG loads fonts from a content delivery network; a local font is used instead."""


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    file.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        shown = session(Path(folder))
    file.write_text(as_svg(shown, COLUMNS, "parley chat"), encoding="utf-8")
    print(f"{file}: {len(shown)} lines")


def session(folder: Path) -> list[Text]:
    """The lines of the terminal after the chat, with their styles."""
    command = [sys.executable, "-m", "parley", "chat"]
    with TerminalProgram(command, environment(folder), columns=COLUMNS, lines=LINES) as chat:
        for number, question in enumerate(QUESTIONS):
            chat.wait_for("\n>", times=number + 1)
            if number:
                chat.wait_for("tokens/s", times=number)
            chat.type(f"{question}\r")
        chat.wait_for("stopped.")
        if chat.ended():
            raise SystemExit(chat.terminal.text)
    # The emulator does not support faint text (SGR 2): replay it as bright black (SGR 90).
    screen = Terminal(COLUMNS, LINES)
    screen.feed(chat.written.replace("\x1b[2m", "\x1b[90m"))
    lines = [styled(screen.screen.buffer[row], COLUMNS) for row in range(LINES)]
    while not lines[-1].plain.strip():
        lines.pop()
    return lines


def environment(folder: Path) -> dict[str, str]:
    """Environment variables with no settings and no stored conversations; the user's converted
    models are used."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ["HOME"],
        "PYTHONPATH": str(Path.cwd()),
        "PYTHONUTF8": "1",
        "XDG_CONFIG_HOME": str(folder),
        "XDG_STATE_HOME": str(folder),
        "PARLEY_STORAGE__URL": "memory://",
        "PARLEY_GENERATION__TEMPERATURE": "0",
    }


def styled(line: Mapping[int, Char], columns: int) -> Text:
    """A line of the terminal as styled text."""
    text = Text()
    for name, chars in groupby((line[column] for column in range(columns)), key=style):
        text.append("".join(char.data for char in chars), name)
    text.rstrip()
    return text


def style(char: Char) -> str:
    """Rich's name for the style of a character."""
    names = {"brown": "yellow", "default": ""}  # pyte's name for ANSI's yellow
    colour = names.get(char.fg, char.fg)
    colour = re.sub(r"^bright(?=[a-z])", "bright_", colour).replace("brown", "yellow")
    if re.fullmatch(r"[0-9a-f]{6}", colour):
        colour = f"#{colour}"
    marks = ("bold", char.bold), ("italic", char.italics), ("underline", char.underscore)
    return " ".join([*(name for name, on in marks if on), colour]).strip()


def as_svg(lines: list[Text], columns: int, title: str) -> str:
    """The lines as an SVG document."""
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    for line in lines:
        console.print(line)
    svg = console.export_svg(title=title, unique_id=title.replace(" ", "-"))
    return _FONTS.sub("\n", svg)


if __name__ == "__main__":
    main()
