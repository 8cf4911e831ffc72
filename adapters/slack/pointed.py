"""What a question on Slack points at: shared messages and links to messages, and what was said
before a mention that stands alone.

A link to a message is no message: Slack adds a copy of it a moment later, by a message_changed
event, where the author may see it (https://docs.slack.dev/messaging/unfurling-links-in-messages).
That copy is waited for; the message itself is never fetched, since the bot may see more than the
asker.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from adapters.common.pointed import (
    LOOK_MESSAGES,
    LOOK_MINUTES,
    NO_PREVIEW,
    Earlier,
    Find,
    Pointed,
    Quoted,
)
from adapters.common.question import Message
from adapters.slack.content import carried, field, is_shared, objects, quoted
from adapters.slack.payloads import JSON
from adapters.slack.workspaces import Workspace
from bot.recent import Recent

REMEMBERED = 256
"""Messages whose copies of linked messages are remembered."""
PREVIEW_SECONDS = 3.0
"""Seconds that the copy of a linked message is waited for."""

_PERMALINK = re.compile(r"https://[\w.-]+\.slack(?:-gov)?\.com/archives/[A-Z0-9]+/p\d{16}")

_TS = re.compile(r"[0-9]{1,11}\.[0-9]{6}")


class Previews:
    """The copies of linked messages that questions wait for. For one event loop."""

    def __init__(self) -> None:
        self._copies: Recent[str, asyncio.Future[JSON]] = Recent(REMEMBERED)
        """By the event of the message that links; waited for, or there already."""

    def arrived(self, event_id: str, message: JSON) -> None:
        """Slack added something to the message of this event."""
        if _has_copy(message) and not (copy := self._copy_for(event_id)).done():
            copy.set_result(message)

    def find(self, workspace: Workspace, event_id: str, message: JSON) -> Find | None:
        """Waits for the copy of a message that `message` links to; None where it links to none, or
        holds the copy already."""
        if not _PERMALINK.search(field(message, "text")) or _has_copy(message):
            return None

        async def find() -> Pointed:
            copy = self._copy_for(event_id)
            late = asyncio.create_task(workspace.clock.sleep(PREVIEW_SECONDS))
            try:
                await asyncio.wait((copy, late), return_when=asyncio.FIRST_COMPLETED)
            finally:
                late.cancel()
            if not copy.done():
                return Pointed(notes=(NO_PREVIEW,))
            return await carried(workspace, copy.result())

        return find

    def _copy_for(self, event_id: str) -> "asyncio.Future[JSON]":
        copy = self._copies.get(event_id)
        if copy is None:
            copy = asyncio.get_running_loop().create_future()
            self._copies.put(event_id, copy)
        return copy


def _has_copy(message: JSON) -> bool:
    return any(is_shared(one) for one in objects(message, "attachments"))


# ---------------------------------------------------------------- a mention alone

ReadOwn = Callable[[JSON], Awaitable[Message | None]]
"""Reads a message of Slack's history, where a person wrote it."""


async def earlier(
    workspace: Workspace, channel: str, ts: str, thread: str, user: str, read: ReadOwn
) -> Earlier:
    """What was said before the message `ts` of `user` in a channel, or in a `thread`. Raises
    SurfaceError."""
    if not _TS.fullmatch(ts):
        return Earlier()
    method = "conversations.replies" if thread else "conversations.history"
    oldest = f"{float(ts) - timedelta(minutes=LOOK_MINUTES).total_seconds():.6f}"
    arguments: dict[str, Any] = {"channel": channel, "latest": ts, "oldest": oldest}
    limit = LOOK_MESSAGES
    if thread:  # Slack lists the oldest of these minutes first
        arguments["ts"], limit = thread, 4 * LOOK_MESSAGES
    await workspace.tiers.turn(method)
    response = await workspace.gateway.call(method, limit=limit, **arguments)
    listed = sorted(objects(response, "messages"), key=lambda one: field(one, "ts"), reverse=True)
    for one in listed:
        if field(one, "user") == user and oldest <= field(one, "ts") < ts:
            own = await read(one)
            if own is not None:
                return Earlier(own=own)
    root = next((one for one in listed if thread and field(one, "ts") == thread), None)
    return Earlier(root=await _root(workspace, root) if root is not None else None)


async def root_of(workspace: Workspace, channel: str, thread: str) -> Quoted | None:
    """The message that a thread hangs on, unless it is the bot's own or was deleted. Raises
    SurfaceError."""
    await workspace.tiers.turn("conversations.replies")
    response = await workspace.gateway.call(
        "conversations.replies", channel=channel, ts=thread, limit=1
    )
    listed = objects(response, "messages")
    first = next((one for one in listed if field(one, "ts") == thread), None)
    if first is None or field(first, "user") == workspace.bot_user:
        return None
    found = await _root(workspace, first)
    return found.quoted if found else None


async def _root(workspace: Workspace, message: JSON) -> Message | None:
    """The message that a thread hangs on, unless it was deleted."""
    if field(message, "subtype") == "tombstone":
        return None
    ts = field(message, "ts")
    return Message(ts, ts, "", quoted=await quoted(workspace, message))
