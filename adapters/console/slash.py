"""The commands of a chat in the terminal, as they are typed."""

import difflib
from dataclasses import dataclass

from bot.errors import NotUnderstood


@dataclass(frozen=True, slots=True)
class Slash:
    """A command that begins with a slash."""

    name: str
    help: str
    argument: str = ""
    """What may come after it, for people; "" where nothing may."""


COMMANDS = (
    Slash("reset", "let the model forget this conversation"),
    Slash("stop", "stop the answer that is being written (Ctrl-C does so too)"),
    Slash("regenerate", "answer the last question anew"),
    Slash("continue", "go on with an answer that was cut or stopped"),
    Slash("system", "show or set what the model is told before everything else", "[TEXT|default]"),
    Slash("context", "what the model sees, and how much room is left"),
    Slash("status", "the model, and what it is doing"),
    Slash("help", "this list"),
    Slash("quit", "end the chat (Ctrl-D and the word stop do so too)"),
)

_BY_NAME = {command.name: command for command in COMMANDS}


def parse(line: str) -> tuple[str, str] | None:
    """The name and the argument of the command that `line` is; None where it is a question.

    Raises NotUnderstood, naming the nearest command, where there is no such command.
    """
    if not line.startswith("/"):
        return None
    word, _, argument = line[1:].strip().partition(" ")
    name, argument = word.lower(), argument.strip()
    command = _BY_NAME.get(name)
    if command is None:
        raise NotUnderstood(_unknown(word))
    if argument and not command.argument:
        raise NotUnderstood(f"/{name} takes nothing after it.")
    return name, argument


def _unknown(word: str) -> str:
    begun = [name for name in _BY_NAME if word and name.startswith(word.lower())]
    near = begun or difflib.get_close_matches(word.lower(), _BY_NAME, n=1, cutoff=0.5)
    meant = " or ".join(f"/{name}" for name in near)
    remedy = f"Did you mean {meant}?" if near else "/help lists the commands."
    return f"/{word} is not a command. {remedy} (A space in front makes it a question.)"


def help_text() -> str:
    """All commands, a line each."""
    shown = [(f"/{command.name} {command.argument}".strip(), command.help) for command in COMMANDS]
    width = max(len(usage) for usage, _ in shown)
    lines = [f"{usage:<{width}}  {text}" for usage, text in shown]
    lines.append(f"{'Alt-Enter':<{width}}  begin another line in your question")
    return "\n".join(lines)
