"""The message shortcuts "Ask Parley about this" and "Summarize this thread".

A shortcut comes from the menu of a message, with a copy of it
(https://docs.slack.dev/interactivity/implementing-shortcuts): whoever uses it can
read that message, so it is never fetched.
"""

import logging
import secrets
from dataclasses import dataclass
from functools import partial
from typing import Any

from adapters.common.desk import Desk
from adapters.common.handlers import Handlers
from adapters.common.place import Place
from adapters.common.question import Message
from adapters.common.since import Since
from adapters.slack.content import quoted
from adapters.slack.late_replies import LateReply
from adapters.slack.mrkdwn import escaped
from adapters.slack.payloads import JSON, record, text
from adapters.slack.places import member_of, place_of
from adapters.slack.private_replies import PrivateReply
from adapters.slack.showing import show_question
from adapters.slack.surface import SlackSurface
from adapters.slack.workspaces import Workspace
from bot.errors import NothingToDo, SurfaceError
from bot.recent import Recent

logger = logging.getLogger(__name__)

ASK, SUMMARIZE = "parley_ask_about", "parley_summarize_thread"
"""The callback ids in the manifest; `ASK` is that of its window too."""
_FIELD = "question"
_REMEMBERED = 256
"""Messages whose window is open. One that was opened before a restart is refused."""
TOO_LATE = "I no longer know which message this was about. Use the shortcut again."


@dataclass(frozen=True, slots=True)
class Used:
    """A shortcut that somebody used on a message."""

    workspace: Workspace
    place: Place
    """The thread of the message, or the one that it would open."""
    user: str
    message: JSON
    response_url: str

    @classmethod
    def of(cls, workspace: Workspace, body: JSON) -> "Used":
        """From Slack's payload. Raises Malformed."""
        message = record(body, "message")
        root = text(message, "thread_ts", "") or text(message, "ts")
        place = place_of(workspace.key, text(record(body, "channel"), "id"), root)
        user = text(record(body, "user"), "id")
        return cls(workspace, place, user, message, text(body, "response_url", ""))

    @property
    def reply(self) -> PrivateReply:
        return PrivateReply(self.workspace, self.place, self.user, self.response_url)


class Shortcuts:
    """Handles them. Each call returns at once."""

    def __init__(self, desk: Desk, handlers: Handlers) -> None:
        self._desk = desk
        self._handlers = handlers
        self._open: Recent[str, Used] = Recent(_REMEMBERED)
        """What the windows that are open are about, by their private metadata."""

    # ------------------------------------------------------------ Summarize this thread

    def summarize(self, workspace: Workspace, body: JSON) -> None:
        """Sum up the thread, for this person alone. Raises Malformed."""
        used = Used.of(workspace, body)
        self._start(used, self._summarized(used))

    async def _summarized(self, used: Used) -> str:
        person = await self._desk.person(used.place, member_of(used.workspace, used.user))
        since = Since(message=used.place.key.thread)
        late = LateReply(used.response_url, used.workspace.clock)
        return await self._desk.summarize(used.place, person, since, late)

    # ------------------------------------------------------------ Ask Parley about this

    def ask(self, workspace: Workspace, body: JSON) -> None:
        """Open the window for the question. Raises Malformed."""
        used, trigger = Used.of(workspace, body), text(body, "trigger_id")
        self._start(used, self._opened(used, trigger))

    async def _opened(self, used: Used, trigger: str) -> str:
        token = secrets.token_hex(16)
        self._open.put(token, used)
        await used.workspace.gateway.call("views.open", trigger_id=trigger, view=_window(token))
        return ""

    def submitted(self, workspace: Workspace, user: str, view: JSON) -> None:
        """The window was filled in. Rights are looked up anew. Raises Malformed."""
        token, question = text(view, "private_metadata"), _typed(view)
        used = self._open.get(token)
        known = used is not None and (used.workspace.key, used.user) == (workspace.key, user)
        if used is None or not known:
            logger.info("workspace %s: a window about a message came too late", workspace.key)
            self._handlers.start(_tell(workspace, user, TOO_LATE))
            return
        self._open.drop(token)
        self._start(used, self._asked(used, token, question))

    async def _asked(self, used: Used, token: str, question: str) -> str:
        """Show the question in the thread of the message, and ask it there."""
        if not question.strip():
            raise NothingToDo("Ask me something: the question is empty.")
        person = await self._desk.person(used.place, member_of(used.workspace, used.user))
        about = await quoted(used.workspace, used.message)
        key = used.place.key
        ts = await show_question(used.workspace, key.channel, person, question, key.thread)
        surface = SlackSurface(used.workspace, key)
        message = Message(f"{used.workspace.key}/{token}", ts, question, quoted=about)
        return await self._desk.ask_shown(used.place, person, message, partial(surface.remove, ts))

    def _start(self, used: Used, work: Any) -> None:
        async def handle() -> None:
            if said := await self._desk.explained(used.place.key, work):
                await used.reply(said)

        self._handlers.start(handle())


async def _tell(workspace: Workspace, user: str, said: str) -> None:
    try:  # a person's id as the channel is the direct message with them
        await workspace.gateway.patiently("chat.postMessage", channel=user, text=escaped(said))
    except SurfaceError as error:
        logger.info("somebody could not be told that a window came too late: %s", error)


def _window(token: str) -> dict[str, Any]:
    """https://docs.slack.dev/reference/views/modal-views"""
    return {
        "type": "modal",
        "callback_id": ASK,
        "private_metadata": token,
        "title": {"type": "plain_text", "text": "Ask about this message"},
        "submit": {"type": "plain_text", "text": "Ask"},
        "blocks": [
            {
                "type": "input",
                "block_id": _FIELD,
                "label": {"type": "plain_text", "text": "Your question"},
                "hint": {"type": "plain_text", "text": "It is shown in the message's thread."},
                "element": {
                    "type": "plain_text_input",
                    "action_id": _FIELD,
                    "multiline": True,
                    "max_length": 3000,
                },
            }
        ],
    }


def _typed(view: JSON) -> str:
    field = record(record(record(record(view, "state"), "values"), _FIELD), _FIELD)
    return text(field, "value", "")
