"""The commands that one can type in a terminal chat, and their parser."""

import difflib
from dataclasses import dataclass

from bot.errors import NotUnderstood


@dataclass(frozen=True, slots=True)
class Command:
    """A command that begins with a slash."""

    name: str
    help: str
    argument: str = ""
    """The argument as the help shows it; "" where the command takes none."""


EXIT_LINES = ("stop", "/quit")
"""Lines that end the chat; case does not matter."""


def ends_chat(line: str) -> bool:
    """Whether this line ends the chat."""
    return line.strip().lower() in EXIT_LINES


COMMANDS = (
    Command("reset", "restart this conversation; what was said stays stored"),
    Command("stop", "stop the answers that are being written (Ctrl-C does so too)"),
    Command("regenerate", "answer the last question again"),
    Command("continue", "continue an answer that hit the length limit, was stopped or failed"),
    Command(
        "system",
        "show or set the system prompt ({date} and {weekday} are filled in); default returns it to "
        "config.toml's",
        "[TEXT|default]",
    ),
    Command(
        "settings",
        "show or change how this conversation is answered",
        "[reasoning=low temperature=0.7 length=300]",
    ),
    Command("model", "show the models, or choose the one that answers", "[NAME|default]"),
    Command("context", "what is in the context window, and how many tokens are left"),
    Command("summarize", "sum up this conversation, of the last 2h or all of it", "[2h]"),
    Command("export", "write all that is stored of you to a file, as lines of JSON", "[FILE]"),
    Command("status", "the model, its device, the queue and the speed"),
    Command("stats", "answers, tokens and times of this conversation in the last days"),
    Command("help", "this list"),
    Command("quit", "end the chat (Ctrl-D and the word stop do so too)"),
)

_BY_NAME = {command.name: command for command in COMMANDS}


def parse(line: str) -> tuple[str, str] | None:
    """Name and argument ("" for none) of the command in `line`; None where it is a question.

    A command begins with a slash in the first column; case does not matter. Raises NotUnderstood,
    naming similar commands, for an unknown one, and for an argument where the command takes none.
    """
    if not line.startswith("/"):
        return None
    word, _, argument = line[1:].strip().partition(" ")
    name, argument = word.lower(), argument.strip()
    command = _BY_NAME.get(name)
    if command is None:
        raise NotUnderstood(_unknown(word))
    if argument and not command.argument:
        raise NotUnderstood(f"/{name} takes no argument.")
    return name, argument


def _unknown(word: str) -> str:
    prefixed = [name for name in _BY_NAME if word and name.startswith(word.lower())]
    similar = prefixed or difflib.get_close_matches(word.lower(), _BY_NAME, n=1, cutoff=0.5)
    meant = " or ".join(f"/{name}" for name in similar)
    remedy = f"Did you mean {meant}?" if similar else "/help lists the commands."
    return f"/{word} is not a command. {remedy} (A space in front makes it a question.)"


def help_text() -> str:
    """All commands with their help, one per line."""
    shown = [(f"/{command.name} {command.argument}".strip(), command.help) for command in COMMANDS]
    width = max(len(usage) for usage, _ in shown)
    lines = [f"{usage:<{width}}  {text}" for usage, text in shown]
    lines.append(f"{'Alt-Enter':<{width}}  start a new line in your question")
    return "\n".join(lines)
