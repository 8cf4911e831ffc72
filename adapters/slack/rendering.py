"""What one part of an answer looks like in Block Kit: its text, its note, its buttons.

Shapes: https://docs.slack.dev/reference/block-kit/blocks. A message that carries buttons shows its
text in a ``markdown`` block, since ``markdown_text`` cannot be sent beside blocks; it renders
tables too. `text` is what a notification shows.
"""

from typing import Any

from adapters.common.buttons import Action, actions
from adapters.common.texts import WORKING, note_of
from adapters.slack.mrkdwn import escaped, harmless
from bot.delivery import PLACEHOLDER
from bot.ports import Part

JSON = dict[str, Any]

METADATA_TYPE = "parley_answer"
NOTIFICATION_CHARACTERS = 150
LONGEST_SMALL_PRINT = 2000


RATE = "parley_rate"
"""The action_id of the feedback; its value is the answer's number and the verdict."""
_IDS = {
    Action.STOP: "parley_stop",
    Action.REGENERATE: "parley_regenerate",
    Action.CONTINUE: "parley_continue",
}
ACTION_IDS = (*_IDS.values(), RATE)
_LABELS = {Action.STOP: "Stop", Action.REGENERATE: "Regenerate", Action.CONTINUE: "Continue"}


def action_of(action_id: str, verdict: str) -> str:
    """The `Action` of a button; an unknown id as it is."""
    if action_id == RATE:
        return Action.UP if verdict == "1" else Action.DOWN
    return next((action for action, name in _IDS.items() if name == action_id), action_id)


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
        if Action.UP in actions(part.state):
            blocks.append(_feedback(part.answer_id))
        blocks.append(_buttons(part))
    return blocks


def _small(note: str) -> JSON:
    line = " ".join(note.split())[:LONGEST_SMALL_PRINT]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(line)}]}


def _buttons(part: Part) -> JSON:
    shown = [action for action in actions(part.state) if action in _IDS]
    return {"type": "actions", "elements": [_button(action, part.answer_id) for action in shown]}


def _button(action: Action, answer_id: int) -> JSON:
    button: JSON = {
        "type": "button",
        "text": {"type": "plain_text", "text": _LABELS[action]},
        "action_id": _IDS[action],
        "value": str(answer_id),
    }
    return button | ({"style": "danger"} if action is Action.STOP else {})


def _feedback(answer_id: int) -> JSON:
    def side(label: str, verdict: int) -> JSON:
        text = {"type": "plain_text", "text": label}
        return {"text": text, "value": f"{answer_id} {verdict}"}

    buttons = {
        "type": "feedback_buttons",
        "action_id": RATE,
        "positive_button": side("Good answer", 1),
        "negative_button": side("Bad answer", -1),
    }
    return {"type": "context_actions", "elements": [buttons]}
