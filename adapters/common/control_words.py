"""Messages that are commands, not questions: "stop", "reset" and "summarize", typed after the bot's
name."""

import re
from enum import StrEnum

_SEPARATOR = re.compile(r"\s*(?:,\s*|[:;–—-](?=\s|$)\s*)+")
_SPELLINGS = {"summarise": "summarize"}
_LONGEST = 60
"""Characters of the longest spelling of a command, and some more. `_POLITE` takes the square of the
length of a text that is mostly spaces."""
_POLITE = re.compile(r"^please[\s,]+|[\s,]+please$")


class ControlWord(StrEnum):
    """A message that consists of one of these words is a command."""

    STOP = "stop"
    RESET = "reset"
    SUMMARIZE = "summarize"


def control_word(text: str) -> ControlWord | None:
    """The command that `text` (without the mention of the bot) is, or None for a question.

    Case, a slash in front, closing punctuation and a "please" before or after make no difference:
    "Stop!", "/stop" and "please stop" are STOP. "stop using emojis" and "stop?" are questions.
    """
    word = text.strip().rstrip(".!…").strip().lower()
    if len(word) > _LONGEST:
        return None
    word = _POLITE.sub("", word).removeprefix("/").rstrip(".!…").strip()
    word = _SPELLINGS.get(word, word)
    return next((known for known in ControlWord if known == word), None)


def after_mention(text: str) -> str:
    """`text`, which followed a mention of the bot, without the separator between both:
    ", stop" is "stop"."""
    found = _SEPARATOR.match(text)
    return text[found.end() :].strip() if found else text.strip()
