"""Buttons below answers, the feedback, and Slack's own stop button."""

import logging

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.place import Place
from adapters.slack.payloads import JSON, Malformed, record, text, texts
from adapters.slack.places import member_of, place_of, place_of_message
from adapters.slack.private_replies import PrivateReply
from adapters.slack.rendering import RATE, action_of, reference
from adapters.slack.workspaces import Workspace

logger = logging.getLogger(__name__)


class Buttons:
    """Hands them to the desk. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers

    def pressed(self, workspace: Workspace, body: JSON, action: JSON) -> None:
        """A button below an answer was pressed. It says what it does and to which answer by itself,
        so it works after a restart. Raises Malformed."""
        place, user = _place(workspace, body), text(record(body, "user"), "id")
        reply = PrivateReply(workspace, place, user, text(body, "response_url", ""))
        try:
            answer_id, tag, verdict = reference(text(action, "value"))
        except ValueError as exc:
            raise Malformed("value names no answer") from exc
        pressed = text(action, "action_id")
        what = action_of(pressed, verdict)
        rated = pressed == RATE  # Slack itself shows that it was noted

        async def press() -> str:
            person = await self._desk.person(place, member_of(workspace, user))
            said = await self._desk.press(place, person, what, answer_id, tag)
            return "" if rated else said

        async def handle() -> None:
            if said := await self._desk.explained(place.key, press()):
                await reply(said)

        self._handlers.start(handle())

    # ------------------------------------------------------------ Slack's own

    def stopped(self, workspace: Workspace, event: JSON) -> None:
        """Somebody pressed the stop button that Slack shows beside a stream. Slack has stopped the
        stream already; where the person may not stop the answer, it goes on as edits.
        Raises Malformed."""
        user, thread = text(event, "user"), text(event, "thread_ts", "")
        place = place_of(workspace.key, text(event, "channel"), thread)
        shown = texts(event, "streaming_message_ts")
        # before an answer's first text its thread may have no message, and shows nothing
        reply = PrivateReply(workspace, place, user, asked=thread)

        async def stop() -> str:
            person = await self._desk.person(place, member_of(workspace, user))
            await self._desk.stop_shown(place, person, shown)
            return ""

        async def handle() -> None:
            if said := await self._desk.explained(place.key, stop()):
                await reply(said)

        self._handlers.start(handle())


def _place(workspace: Workspace, body: JSON) -> Place:
    """Where the message with the button stands."""
    container, message = record(body, "container"), record(body, "message")
    channel, ts = text(container, "channel_id"), text(container, "message_ts")
    thread = text(container, "thread_ts", "") or text(message, "thread_ts", "")
    return place_of_message(workspace.key, channel, ts, thread)
