"""Renders one part of an answer as the payload of a Discord message: text, note and buttons.

Formats: https://discord.com/developers/docs/resources/message#create-message and
https://discord.com/developers/docs/components/reference. Discord counts the length of a message in
UTF-16 code units.
"""

from collections.abc import Mapping
from typing import Any

from adapters.common.buttons import Action, actions
from adapters.common.texts import WORKING, note_of
from bot.delivery import PLACEHOLDER
from bot.ports import Form, Part

MOST_UNITS = 2000
"""UTF-16 code units that the content of a message may have."""
TEXT_UNITS = 1900
"""UTF-16 code units of these for an answer's text; the rest is for the note below it."""

SUPPRESS_EMBEDS = 1 << 2
"""Message flag: no link previews, which would move the text each time that it is edited."""

PINGS_NOBODY: dict[str, Any] = {"parse": [], "replied_user": False}
"""Allowed mentions: none. To be sent with new messages and with edits."""


CUSTOM_ID = r"parley:(?P<action>[a-z]+):(?P<answer>[0-9]{1,19})(?::(?P<tag>[0-9a-f]{1,16}))?"
"""The custom_id of a button names its action and its answer, so that it works after a restart."""

_SECONDARY, _DANGER = 2, 4  # button styles
_ACTION_ROW, _BUTTON = 1, 2  # component types


def utf16_units(text: str) -> int:
    """The length of `text` as Discord counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def payload(part: Part) -> dict[str, Any]:
    """The message that shows `part`: the fields that new messages and edits have in common. Only
    the last part of an answer has buttons."""
    message: dict[str, Any] = {"content": content(part), "allowed_mentions": PINGS_NOBODY}
    if part.form is Form.PLAIN:  # an edit keeps the old buttons where it names none
        return message | {"components": []}
    row = _row(part) if part.last and part.form is Form.FULL else None
    return message | {"flags": SUPPRESS_EMBEDS, "components": [row] if row else []}


def content(part: Part) -> str:
    """The text with the note as small print (``-#``) below it; at most `MOST_UNITS` long where the
    text has at most `TEXT_UNITS`."""
    note = note_of(part)
    if part.text == PLACEHOLDER:
        return _small(note or WORKING)
    if not note:
        return part.text
    room = MOST_UNITS - utf16_units(part.text) - len("\n-# ")
    return f"{part.text}\n{_small(cut_to(note, room))}"


def cut_to(text: str, units: int) -> str:
    """`text`; its beginning and "…" where it is longer than `units` UTF-16 code units."""
    if utf16_units(text) <= units:
        return text
    data = text.encode("utf-16-le", "surrogatepass")
    kept = data[: 2 * max(0, units - 1)].decode("utf-16-le", "ignore")
    return f"{kept}…"


def custom_id(action: str, answer_id: int, tag: str = "") -> str:
    """The id of a button, which `CUSTOM_ID` matches. `tag`: of the database; buttons of 0.1.0 have
    none."""
    return f"parley:{action}:{answer_id}:{tag}" if tag else f"parley:{action}:{answer_id}"


def shows_answer(message: Mapping[str, Any], answer_id: int, tag: str) -> bool:
    """Whether a message, as the API lists it, has a button of this answer of this database."""
    ids = {
        str(button.get("custom_id"))
        for row in message.get("components") or ()
        for button in row.get("components") or ()
    }
    return any(custom_id(action, answer_id, tag) in ids for action in Action)


def _small(note: str) -> str:
    return f"-# {' '.join(note.split())}"


def _row(part: Part) -> dict[str, Any]:
    buttons = [_button(action, part) for action in actions(part.state)]
    return {"type": _ACTION_ROW, "components": buttons}


def _button(action: Action, part: Part) -> dict[str, Any]:
    look: dict[Action, dict[str, Any]] = {
        Action.STOP: {"label": "Stop", "style": _DANGER},
        Action.REGENERATE: {"label": "Regenerate"},
        Action.CONTINUE: {"label": "Continue"},
        Action.UP: {"emoji": {"id": None, "name": "👍"}},
        Action.DOWN: {"emoji": {"id": None, "name": "👎"}},
    }
    return {
        "type": _BUTTON,
        "style": _SECONDARY,
        "custom_id": custom_id(action, part.answer_id, part.tag),
        **look[action],
    }
