"""What one part of an answer looks like as a Discord message: its text, its note, its buttons.

The shapes are those of Discord's "Create Message" and of its message components
(https://discord.com/developers/docs/components/reference). Lengths count in UTF-16 code units.
"""

from typing import Any

from adapters.common.buttons import Action, actions
from adapters.common.texts import WORKING, note_of
from bot.delivery import PLACEHOLDER
from bot.ports import Part

MOST_UNITS = 2000
"""The longest content of a message."""
TEXT_UNITS = 1900
"""Of these, what an answer's text may take; the rest is for the note."""

SUPPRESS_EMBEDS = 1 << 2
"""Message flag: a link in an answer opens no preview, which would jump about as the text grows."""

PINGS_NOBODY: dict[str, Any] = {"parse": [], "replied_user": False}
"""Allowed mentions: none. Edits need it as much as new messages do."""


CUSTOM_ID = r"parley:(?P<action>[a-z]+):(?P<answer>[0-9]{1,19})"
"""A button says by itself what it does and to which answer, so it works after a restart."""

_GREY, _RED = 2, 4


def utf16_units(text: str) -> int:
    """The length of `text` as Discord counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def payload(part: Part) -> dict[str, Any]:
    """The message that shows `part`, without what only a new message has."""
    return {
        "content": content(part),
        "allowed_mentions": PINGS_NOBODY,
        "flags": SUPPRESS_EMBEDS,
        "components": [_row(part)] if part.last else [],
    }


def content(part: Part) -> str:
    """The text and, as small print below it, the note."""
    note = note_of(part)
    if part.text == PLACEHOLDER:
        return _small(note or WORKING)
    if not note:
        return part.text
    room = MOST_UNITS - utf16_units(part.text) - len("\n-# ")
    return f"{part.text}\n{_small(cut_to(note, room))}"


def cut_to(text: str, units: int) -> str:
    """`text`, or its beginning and "…" where it is longer than `units`."""
    if utf16_units(text) <= units:
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    kept = data[: 2 * max(0, units - 1)].decode("utf-16-le", "ignore")
    return f"{kept}…"


def custom_id(action: Action, answer_id: int) -> str:
    return f"parley:{action}:{answer_id}"


def _small(note: str) -> str:
    return f"-# {' '.join(note.split())}"


def _row(part: Part) -> dict[str, Any]:
    buttons = [_button(action, part.answer_id) for action in actions(part.state)]
    return {"type": 1, "components": buttons}


def _button(action: Action, answer_id: int) -> dict[str, Any]:
    look: dict[Action, dict[str, Any]] = {
        Action.STOP: {"label": "Stop", "style": _RED},
        Action.REGENERATE: {"label": "Regenerate"},
        Action.CONTINUE: {"label": "Continue"},
        Action.UP: {"emoji": {"id": None, "name": "👍"}},
        Action.DOWN: {"emoji": {"id": None, "name": "👎"}},
    }
    return {"type": 2, "style": _GREY, "custom_id": custom_id(action, answer_id), **look[action]}
