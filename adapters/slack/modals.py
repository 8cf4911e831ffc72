"""The window in which admins type the system prompt.

Format: https://docs.slack.dev/reference/views/modal-views.
"""

from typing import Any

from adapters.common.place import Place
from adapters.common.settings import LONGEST_SYSTEM_PROMPT
from adapters.slack.payloads import JSON, Malformed, record, text
from adapters.slack.places import place_of
from bot.engine.variables import VARIABLES
from bot.messages import ConversationKey

SYSTEM_VIEW = "parley_system"
_BLOCK = "text"
LONGEST_WINDOW_TEXT = 3000
"""Characters that a window's text field takes."""


def system_prompt(place: Place, prompt: str) -> dict[str, Any]:
    """The window's view, with the present system prompt; "" is the configuration's."""
    field: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": _BLOCK,
        "multiline": True,
        "max_length": min(LONGEST_SYSTEM_PROMPT, LONGEST_WINDOW_TEXT),
    }
    if prompt:
        field["initial_value"] = prompt[:LONGEST_WINDOW_TEXT]
    return {
        "type": "modal",
        "callback_id": SYSTEM_VIEW,
        "private_metadata": str(place.key),
        "title": {"type": "plain_text", "text": "System prompt"},
        "submit": {"type": "plain_text", "text": "Save"},
        "blocks": [
            {
                "type": "input",
                "block_id": _BLOCK,
                "optional": True,
                "label": {"type": "plain_text", "text": "System prompt of this conversation"},
                "hint": {
                    "type": "plain_text",
                    "text": f"Empty: as the configuration says. Filled in: {' '.join(VARIABLES)}",
                },
                "element": field,
            }
        ],
    }


def submitted(view: JSON) -> tuple[Place, str]:
    """The place and the text of a view that was filled in. Raises Malformed."""
    try:
        key = ConversationKey.parse(text(view, "private_metadata"))
    except ValueError as exc:
        raise Malformed("private_metadata is no conversation's key") from exc
    field = record(record(record(record(view, "state"), "values"), _BLOCK), _BLOCK)
    return place_of(key.workspace, key.channel, key.thread), text(field, "value", "")
