"""What one part of an answer looks like in Block Kit: its text, its note, its buttons.

Shapes: https://docs.slack.dev/reference/block-kit/blocks. A message that carries buttons shows its
text in a ``markdown`` block, since ``markdown_text`` cannot be sent beside blocks; it renders
tables too. `text` is what a notification shows.
"""

from enum import StrEnum
from typing import Any

from adapters.common.texts import WORKING, note_of
from adapters.slack.mrkdwn import escaped, harmless
from bot.delivery import PLACEHOLDER
from bot.ports import AnswerState, Part

JSON = dict[str, Any]

METADATA_TYPE = "parley_answer"
NOTIFICATION_CHARACTERS = 150
LONGEST_SMALL_PRINT = 2000


class Action(StrEnum):
    """What a button does; its action_id."""

    STOP = "parley_stop"
    REGENERATE = "parley_regenerate"
    CONTINUE = "parley_continue"
    RATE = "parley_rate"


_LABELS = {Action.STOP: "Stop", Action.REGENERATE: "Regenerate", Action.CONTINUE: "Continue"}
_ACTIONS = {
    AnswerState.QUEUED: (Action.STOP,),
    AnswerState.WRITING: (Action.STOP,),
    AnswerState.DONE: (Action.REGENERATE,),
}
_AFTERWARDS = (Action.CONTINUE, Action.REGENERATE)


def message(part: Part) -> JSON:
    """The arguments of chat.postMessage and chat.update that show `part`."""
    shown = "" if waits(part) else part.text
    text = [{"type": "markdown", "text": harmless(shown)}] if shown else []
    summary = escaped(shown or WORKING)
    if len(summary) > NOTIFICATION_CHARACTERS:
        summary = f"{summary[:NOTIFICATION_CHARACTERS]}…"
    return {"text": summary, "blocks": [*text, *below(part)]}


def waits(part: Part) -> bool:
    """There is no text of the answer yet."""
    return part.text == PLACEHOLDER


def below(part: Part) -> list[JSON]:
    """The blocks under the text: the note, and on the answer's last message what can be done."""
    note = note_of(part) or (WORKING if waits(part) else "")
    blocks = [_small(note)] if note else []
    if part.last:
        if part.state in (AnswerState.DONE, AnswerState.CUT):
            blocks.append(_feedback(part.answer_id))
        blocks.append(_buttons(part))
    return blocks


def _small(note: str) -> JSON:
    line = " ".join(note.split())[:LONGEST_SMALL_PRINT]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(line)}]}


def _buttons(part: Part) -> JSON:
    actions = _ACTIONS.get(part.state, _AFTERWARDS)
    return {"type": "actions", "elements": [_button(a, part.answer_id) for a in actions]}


def _button(action: Action, answer_id: int) -> JSON:
    button: JSON = {
        "type": "button",
        "text": {"type": "plain_text", "text": _LABELS[action]},
        "action_id": action.value,
        "value": str(answer_id),
    }
    return button | ({"style": "danger"} if action is Action.STOP else {})


def _feedback(answer_id: int) -> JSON:
    def side(label: str, verdict: int) -> JSON:
        text = {"type": "plain_text", "text": label}
        return {"text": text, "value": f"{answer_id} {verdict}"}

    buttons = {
        "type": "feedback_buttons",
        "action_id": Action.RATE.value,
        "positive_button": side("Good answer", 1),
        "negative_button": side("Bad answer", -1),
    }
    return {"type": "context_actions", "elements": [buttons]}
