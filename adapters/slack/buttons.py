"""Buttons below answers, the feedback, Slack's own stop button, and the opening of the app."""

import logging
from collections.abc import Mapping
from typing import Any

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.place import Place
from adapters.slack.manifest import PROMPTS
from adapters.slack.places import member_of, place_of, place_of_message
from adapters.slack.private_replies import PrivateReply
from adapters.slack.rendering import RATE, action_of, reference
from adapters.slack.workspaces import Workspace
from bot.errors import SurfaceError

logger = logging.getLogger(__name__)

JSON = Mapping[str, Any]


class Buttons:
    """Hands them to the desk. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers

    def pressed(self, workspace: Workspace, body: JSON, action: JSON) -> None:
        """A button below an answer was pressed. It says what it does and to which answer by itself,
        so it works after a restart."""
        place, user = _place(workspace, body), str(body["user"]["id"])
        reply = PrivateReply(workspace, place, user, str(body.get("response_url", "")))
        answer_id, tag, verdict = reference(str(action["value"]))
        what = action_of(str(action["action_id"]), verdict)
        rated = str(action["action_id"]) == RATE  # Slack itself shows that it was noted

        async def press() -> str:
            person = await self._desk.person(place, member_of(workspace, user))
            said = await self._desk.press(place, person, what, answer_id, tag)
            return "" if rated else said

        async def handle() -> None:
            if text := await self._desk.explained(place.key, press()):
                await reply(text)

        self._handlers.start(handle())

    # ------------------------------------------------------------ Slack's own

    def stopped(self, workspace: Workspace, event: JSON) -> None:
        """Somebody pressed the stop button that Slack shows beside a stream. Slack has stopped the
        stream already; where the person may not stop the answer, it goes on as edits."""
        user, thread = str(event["user"]), str(event.get("thread_ts") or "")
        place = place_of(workspace.key, str(event["channel"]), thread)
        reply = PrivateReply(workspace, place, user)

        async def stop() -> str:
            person = await self._desk.person(place, member_of(workspace, user))
            await self._desk.stop_shown(place, person, event.get("streaming_message_ts") or ())
            return ""

        async def handle() -> None:
            if text := await self._desk.explained(place.key, stop()):
                await reply(text)

        self._handlers.start(handle())

    def opened(self, workspace: Workspace, event: JSON) -> None:
        """Somebody opened the app: suggest what to ask."""
        if event.get("tab") == "messages":
            self._handlers.start(_suggest(workspace, str(event["channel"])))


def _place(workspace: Workspace, body: JSON) -> Place:
    """Where the message with the button stands."""
    container, message = body.get("container") or {}, body.get("message") or {}
    channel, ts = str(container.get("channel_id", "")), str(container.get("message_ts", ""))
    thread = str(container.get("thread_ts") or message.get("thread_ts") or "")
    return place_of_message(workspace.key, channel, ts, thread)


async def _suggest(workspace: Workspace, channel: str) -> None:
    try:
        await workspace.gateway.call(
            "assistant.threads.setSuggestedPrompts",
            channel_id=channel,
            title="Ask me something",
            prompts=list(PROMPTS),
        )
    except SurfaceError as error:  # a decoration
        logger.info("prompts cannot be suggested: %s", error)
