"""Renders one part of an answer in Block Kit: text, note and buttons.

Format: https://docs.slack.dev/reference/block-kit/blocks. The text is a ``markdown`` block, which
renders tables too, since ``markdown_text`` cannot be sent together with the blocks of the buttons.
The payload's ``text`` is what a notification shows.
"""

import re
from collections.abc import Iterator

from adapters.common.buttons import Action, buttons_of
from adapters.common.texts import WORKING, note_of
from adapters.slack.api import JSON
from adapters.slack.mrkdwn import escaped, harmless
from bot.delivery import PLACEHOLDER
from bot.ports import Form, Part

METADATA_TYPE = "parley_answer"
"""The event type in the metadata of messages that show answers."""
MOST_SUMMARY_CHARACTERS = 3999
"""Characters of the text beside the blocks, which screen readers and notifications use. At more
than 4,000 chat.update fails with msg_too_long."""
MOST_SECTION_CHARACTERS = 3000
"""Characters of the text of one section
(https://docs.slack.dev/reference/block-kit/blocks/section-block)."""
MOST_NOTE_CHARACTERS = 2000
"""Characters of a note; Slack accepts 3,000 in a text object."""

RATE = "parley_rate"
"""The action_id of the feedback buttons; their value is the answer's id and the verdict, 1 or
-1."""
_ACTION_IDS = {
    Action.STOP: "parley_stop",
    Action.REGENERATE: "parley_regenerate",
    Action.CONTINUE: "parley_continue",
    Action.THINKING: "parley_thinking",
}
ACTION_IDS = (*_ACTION_IDS.values(), RATE)
_SIDES = ("positive_button", "negative_button")
"""Of feedback buttons, the fields that hold the two."""
_CUT_ESCAPE = re.compile(r"&[a-z]*\Z")
"""The beginning of an escape of mrkdwn at the end of a text."""
_LABELS = {
    Action.STOP: "Stop",
    Action.REGENERATE: "Regenerate",
    Action.CONTINUE: "Continue",
    Action.THINKING: "Show thinking",
}


def action_of(action_id: str, verdict: str) -> str:
    """The `Action` of a button; `action_id` itself where it is unknown. `verdict` is what follows
    the answer's id in the value of a feedback button."""
    if action_id == RATE:
        return Action.UP if verdict == "1" else Action.DOWN
    return next((action for action, name in _ACTION_IDS.items() if name == action_id), action_id)


def _reference(part: Part) -> str:
    """Which answer a button is about: its number, and the database's tag."""
    return f"{part.answer_id}:{part.tag}" if part.tag else str(part.answer_id)


def reference(value: str) -> tuple[int, str, str]:
    """The answer's number, the database's tag ("" for buttons of 0.1.0) and the verdict of a
    button's value. Raises ValueError for a value that is none."""
    answer, _, verdict = value.partition(" ")
    number, _, tag = answer.partition(":")
    if not re.fullmatch(r"[0-9]{1,18}", number):  # no greater one fits into the database
        raise ValueError("a button's value without an answer's number")
    return int(number), tag, verdict


def payload(part: Part) -> JSON:
    """The arguments of chat.postMessage and chat.update that show `part`."""
    shown = "" if is_placeholder(part) else part.text
    if part.form is Form.PLAIN:
        return _plain(shown, note_of(part) or ("" if shown else WORKING))
    text = [{"type": "markdown", "text": harmless(shown)}] if shown else []
    return {"text": _summary(shown or WORKING), "blocks": [*text, *footer(part)]}


def _plain(shown: str, note: str) -> JSON:
    """The simplest message that shows all of a text: the text alone; where that is longer than
    chat.update takes, sections of plain text beside its beginning."""
    lines = [escaped(shown)] if shown else []
    whole = "\n".join([*lines, *([f"_{escaped(note)}_"] if note else [])])
    if len(whole) <= MOST_SUMMARY_CHARACTERS:
        return {"text": whole, "blocks": []}
    sections = [
        {"type": "section", "text": {"type": "plain_text", "text": piece, "emoji": False}}
        for piece in section_pieces(shown)
    ]
    return {"text": _summary(shown), "blocks": [*sections, *([_small(note)] if note else [])]}


def section_pieces(text: str) -> Iterator[str]:
    """`text` in pieces that a section takes, cut at the end of a line or a word where there is
    one. White space alone is left out: Slack refuses a section without text."""
    while len(text) > MOST_SECTION_CHARACTERS:
        room = text[:MOST_SECTION_CHARACTERS]
        cut = max(room.rfind("\n"), 0) or max(room.rfind(" "), 0) or MOST_SECTION_CHARACTERS
        if text[:cut].strip():
            yield text[:cut]
        text = text[cut:].removeprefix("\n")
    if text.strip():
        yield text


def _summary(text: str) -> str:
    """All of `text`, as far as Slack takes it, as mrkdwn in which nothing is an entity."""
    return cut_to_summary(escaped(text))


def cut_to_summary(whole: str) -> str:
    """The beginning of a text in mrkdwn that chat.update takes."""
    if len(whole) <= MOST_SUMMARY_CHARACTERS:
        return whole
    cut = _CUT_ESCAPE.sub("", whole[: MOST_SUMMARY_CHARACTERS - 1])
    return f"{cut}…"


def is_placeholder(part: Part) -> bool:
    """Whether there is no text of the answer yet."""
    return part.text == PLACEHOLDER


def shows_answer(message: JSON, answer_id: int, tag: str) -> bool:
    """Whether a message, as Slack lists it, has a button of this answer of this database."""
    elements = [
        element for block in message.get("blocks") or () for element in block.get("elements") or ()
    ]
    name = f"{answer_id}:{tag}" if tag else str(answer_id)
    values = [
        side.get("value")
        for element in elements
        for side in (element, *(element.get(side) or {} for side in _SIDES))
    ]
    return name in [str(value).partition(" ")[0] for value in values if value]


def footer(part: Part) -> list[JSON]:
    """The blocks below the text: the note, and on the last part of the answer the buttons."""
    note = note_of(part) or (WORKING if is_placeholder(part) else "")
    blocks = [_small(note)] if note else []
    if part.last and part.form is Form.FULL:
        if Action.UP in buttons_of(part):
            blocks.append(_feedback(part))
        blocks.append(_buttons(part))
    return blocks


def _small(note: str) -> JSON:
    line = " ".join(note.split())[:MOST_NOTE_CHARACTERS]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(line)}]}


def _buttons(part: Part) -> JSON:
    shown = [action for action in buttons_of(part) if action in _ACTION_IDS]
    return {"type": "actions", "elements": [_button(action, part) for action in shown]}


def _button(action: Action, part: Part) -> JSON:
    button: JSON = {
        "type": "button",
        "text": {"type": "plain_text", "text": _LABELS[action]},
        "action_id": _ACTION_IDS[action],
        "value": _reference(part),
    }
    return button | ({"style": "danger"} if action is Action.STOP else {})


def _feedback(part: Part) -> JSON:
    def side(label: str, verdict: int) -> JSON:
        text = {"type": "plain_text", "text": label}
        return {"text": text, "value": f"{_reference(part)} {verdict}"}

    buttons = {
        "type": "feedback_buttons",
        "action_id": RATE,
        "positive_button": side("Good answer", 1),
        "negative_button": side("Bad answer", -1),
    }
    return {"type": "context_actions", "elements": [buttons]}
