"""From which message on a summary is made, as people type it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from adapters.common.control_words import ControlWord, after_mention, control_word
from bot.errors import NotUnderstood

_AGE = re.compile(
    r"(?:(?:the )?last |since[ =])?(\d{1,4}) ?"
    r"(minutes?|mins?|m|hours?|hrs?|h|days?|d|weeks?|w)(?: ago)?",
    re.IGNORECASE,
)
_TYPED = re.compile(r"/parley\s+summari[sz]e\b", re.IGNORECASE)
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
EXAMPLES = (
    "Say since when: a time such as `30m`, `2h` or `3d`, or a link to a message of this place."
)


@dataclass(frozen=True, slots=True)
class Since:
    """A message, a moment, or neither: then the last message of whoever asks."""

    message: str = ""
    """The platform's id; the message itself belongs to it."""
    moment: datetime | None = None


LAST_MESSAGE = Since()


def asks_for_summary(text: str) -> bool:
    """Whether a message, without the mention of the bot, is itself the request for a summary: then
    it is not among what was said."""
    typed = after_mention(text)
    return control_word(typed) is ControlWord.SUMMARIZE or bool(_TYPED.match(typed))


def parse_since(text: str, *, linked: str = "", now: datetime | None = None) -> Since:
    """What somebody typed; "" is their last message. `linked`: the id of the message of this place
    that `text` is a link to, "" where it is none. Raises NotUnderstood, saying what would be right.
    """
    if linked:
        return Since(message=linked)
    if not text.strip():
        return LAST_MESSAGE
    found = _AGE.fullmatch(text.strip())
    if found is None:
        raise NotUnderstood(EXAMPLES)
    age = int(found[1]) * _UNITS[found[2][0].lower()]
    return Since(moment=(now or datetime.now(UTC)) - age)
