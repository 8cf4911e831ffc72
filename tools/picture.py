"""Draws docs/session.svg: a real chat with the demo model, as the terminal shows it.

    python -m tools.picture [FILE]

`parley chat` runs in an emulated terminal, the questions below are typed into it, and what the
terminal shows at the end is drawn. The model chooses the likeliest words (temperature 0), so the
picture changes only when Parley or its model does; speeds are this machine's.
"""

import io
import os
import re
import sys
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
"""Rich's picture names fonts on a server of somebody else's; the reader's own will do."""


def main() -> None:
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    file.parent.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        shown = session(Path(folder))
    file.write_text(picture(shown), encoding="utf-8")
    print(f"{file}: {len(shown)} lines")


def session(folder: Path) -> list[Text]:
    """What the terminal shows after the chat."""
    command = [sys.executable, "-c", "from parley import main; main()", "chat"]
    with TerminalProgram(command, environment(folder), columns=COLUMNS, lines=LINES) as chat:
        for number, question in enumerate(QUESTIONS):
            chat.wait_for("\n>", times=number + 1)
            if number:
                chat.wait_for("tokens/s", times=number)
            chat.type(f"{question}\r")
        chat.wait_for("stopped.")
        if chat.ended():
            raise SystemExit(chat.terminal.text)
    # The emulator knows no faint text.
    screen = Terminal(COLUMNS, LINES)
    screen.feed(chat.written.replace("\x1b[2m", "\x1b[90m"))
    lines = [drawn(screen.screen.buffer[row]) for row in range(LINES)]
    while not lines[-1].plain.strip():
        lines.pop()
    return lines


def environment(folder: Path) -> dict[str, str]:
    """Nobody's settings, nobody's conversations; converted models are kept where they are."""
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


def drawn(line: "dict[int, Char]") -> Text:
    """A line of the terminal with its colours."""
    text = Text()
    for name, chars in groupby((line[column] for column in range(COLUMNS)), key=style):
        text.append("".join(char.data for char in chars), name)
    text.rstrip()
    return text


def style(char: Char) -> str:
    names = {"brown": "yellow", "default": ""}  # pyte's name for ANSI's yellow
    colour = names.get(char.fg, char.fg)
    colour = re.sub(r"^bright(?=[a-z])", "bright_", colour).replace("brown", "yellow")
    if re.fullmatch(r"[0-9a-f]{6}", colour):
        colour = f"#{colour}"
    marks = ("bold", char.bold), ("italic", char.italics), ("underline", char.underscore)
    return " ".join([*(name for name, on in marks if on), colour]).strip()


def picture(lines: list[Text]) -> str:
    """The lines as an SVG."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, legacy_windows=False
    )
    for line in lines:
        console.print(line)
    svg = console.export_svg(title="parley chat", unique_id="session")
    return _FONTS.sub("\n", svg)


if __name__ == "__main__":
    main()
