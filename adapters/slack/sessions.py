"""What Slack shows of a thread while Parley works in it: the status of its agent session, with
Slack's own stop button, and a line of text below the thread.

https://docs.slack.dev/ai/agent-sessions. The line (assistant.threads.setStatus) disappears by
itself when a message is posted in the thread, and after two minutes. The status of the session
does neither.
"""

import logging

from adapters.slack.workspaces import Workspace
from bot.errors import SurfaceError

logger = logging.getLogger(__name__)

LINE_SECONDS = 100.0
"""After which the line is set again while nothing is posted: Slack removes it after 120."""
MOST_CHARACTERS = 100
"""Of the line."""


class Session:
    """The session of one thread, as one answer uses it. Raises nothing: an answer does not depend
    on what is shown beside it. One call at a time."""

    def __init__(
        self,
        workspace: Workspace,
        channel: str,
        thread: str,
        asker: str,
        *,
        on: bool,
        question: str = "",
        title: str = "",
    ) -> None:
        """`on`: whether sessions are used here at all. `question`: its ``ts``. `title`: of a
        session that is created; "" for none."""
        self._title = title
        self._question = question
        self._working = workspace.threads.working
        self._gateway = workspace.gateway
        self._tiers = workspace.tiers
        self._channel = channel
        self._thread = thread
        self._asker = asker
        self._processing: bool | None = None if on else False
        """Whether the session has the status "processing". None: unknown, since an earlier run may
        have set it and been killed."""
        self._said = False
        """Whether a line was set that may still be seen."""

    async def begin(self) -> bool:
        """Set the session's status to "processing", where Slack shows its stop button. False where
        Slack does not take that."""
        if not self._processing:
            self._processing = await self._status("processing") or None
        if self._processing:
            self._working.setdefault((self._channel, self._thread), set()).add(self._question)
        return bool(self._processing)

    def leave(self) -> bool:
        """This answer ends. Returns whether it was the last one in the thread, so that the session
        is not "processing" any more."""
        here = (self._channel, self._thread)
        others = self._working.get(here, set()) - {self._question}
        if others:
            self._working[here] = others
        else:
            self._working.pop(here, None)
        return not others

    async def end(self) -> None:
        """Set the status to "active" where it may be "processing" and no other answer is on its
        way in the thread, and remove the line."""
        last = self.leave()
        if self._processing is not False:
            self._processing = False
            if last:
                await self._status("active")
        if self._said:
            await self.say("")

    def ended(self) -> None:
        """Slack was told by another call, as far as it had to be."""
        self._processing = False

    async def say(self, text: str) -> bool:
        """Set the line; "" removes it. False where Slack does not take it."""
        self._said = await self._call(
            "assistant.threads.setStatus", status=text[:MOST_CHARACTERS]
        ) and bool(text)
        return self._said

    def posted(self) -> None:
        """A message was posted in the thread: Slack has removed the line."""
        self._said = False

    async def _status(self, status: str) -> bool:
        asker = self._asker if status == "processing" else None
        method = "agents.sessions.setStatus"
        if status == "processing" and not self._tiers.take(method):
            return False  # an end is never left out
        title = self._title or None if status == "processing" else None
        return await self._call(method, status=status, initiator_user_id=asker, title=title)

    async def _call(self, method: str, **arguments: str | None) -> bool:
        where = {"channel_id": self._channel, "thread_ts": self._thread}
        try:
            await self._gateway.call(method, **where, **arguments)
        except SurfaceError as error:
            logger.debug("what is shown of a thread could not be set: %s", error)
            return False
        return True
