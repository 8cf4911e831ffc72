"""The surface of one answer in a Slack channel, thread or direct message.

In a thread an answer is streamed natively where Slack allows that. Everywhere else, and from the
moment at which a stream ends early, its message is edited with chat.update. Both show the same
text: a stream holds a beginning of it, and an edit replaces all of it.
"""

import logging
from collections.abc import Collection
from contextlib import suppress

from adapters.slack import rendering
from adapters.slack.api import JSON
from adapters.slack.errors import OutcomeUnknown, Refused
from adapters.slack.mrkdwn import escaped, harmless, units
from adapters.slack.rate_limits import (
    APPEND_BURST,
    APPENDS_PER_SECOND,
    EDIT_BURST,
    EDITS_PER_SECOND,
    POST_BURST,
)
from adapters.slack.streams import Stream
from adapters.slack.workspaces import Workspace
from bot.delivery.rendering import is_thinking_note
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.messages import ConversationKey
from bot.ports import AnswerState, Part, SurfaceLimits

logger = logging.getLogger(__name__)

MOST_BYTES = 9000
"""UTF-8 bytes of one message. Slack accepts about 10 kB in a stream and 12,000 characters in a
markdown block."""

_BUTTONS = frozenset({"actions", "context_actions"})
"""The types of blocks that hold buttons."""
_TEXTS = frozenset({"markdown", "rich_text", "section"})
"""The types of blocks that hold text."""
_SEARCHED = 100
"""Messages that are searched for one whose posting was not confirmed."""


class SlackSurface:
    """Shows one answer; a `bot.ports.Surface`. References are the ``ts`` of messages and the ids of
    files. Raises SurfaceBusy, MessageGone and SurfaceError, as `Gateway.call` does."""

    def __init__(
        self,
        workspace: Workspace,
        place: ConversationKey,
        *,
        asker: str = "",
        seed: str = "",
    ) -> None:
        """`asker`: the id of the person who asked, to whom streams are addressed; "" for no
        streams. `seed`: the ``ts`` of the question; messages before it are not searched."""
        self._workspace = workspace
        self._gateway = workspace.gateway
        self._place = place
        self._asker = asker
        self._seed = seed
        self._stream: Stream | None = None
        self._streams = workspace.streaming and bool(place.thread and asker)
        self._started: dict[str, Stream] = {}
        """By part: streams that were started, while their first text is not shown yet. A retry of
        `send` uses them again."""
        self._unconfirmed: set[str] = set()
        """Parts whose posting has an unknown outcome."""
        in_session = workspace.streaming and bool(place.thread)
        self._processing: bool | None = None if in_session else False
        """Whether the thread's session has the status "processing". None: unknown, since an
        earlier run may have set it and been killed."""
        self._thinking = ""
        """The thread's status: for how long the model has been thinking; "" where it says
        nothing."""

    @property
    def limits(self) -> SurfaceLimits:
        streams = self._stream.open if self._stream else self._streams
        method = "chat.appendStream" if streams else "chat.update"
        return SurfaceLimits(
            max_units=MOST_BYTES,
            units=units,
            budget=f"slack:{self._workspace.key}:{method}",
            edits_per_second=APPENDS_PER_SECOND if streams else EDITS_PER_SECOND,
            burst=APPEND_BURST if streams else EDIT_BURST,
            posts_burst=POST_BURST,
            quote="> ",
        )

    # ---------------------------------------------------------------- the port

    async def send(self, part: Part) -> str:
        stream = self._started.get(part.key) or await self._start_stream(part)
        if stream is None:
            posted = await self._post(part)
            if not part.state.open:
                await self._end_processing()
            return posted
        self._started[part.key] = self._stream = stream
        await self.edit(stream.ts, part)
        del self._started[part.key]
        return stream.ts

    async def edit(self, message: str, part: Part) -> None:
        try:
            await self._edit(message, part)
        except MessageGone:
            await self._end_processing()
            raise

    async def _edit(self, message: str, part: Part) -> None:
        stream = self._stream
        if stream is not None and stream.ts == message and stream.open:
            if await self._append(stream, part):
                return
            await stream.stop()
        await self._update(message, part)
        if not part.state.open:  # chat.stopStream did not set it
            await self._end_processing()

    async def remove(self, message: str) -> None:
        await self._end_processing()
        channel = self._place.channel
        try:
            if message.startswith("F"):
                await self._gateway.call("files.delete", file=message)
            else:
                await self._gateway.call("chat.delete", channel=channel, ts=message)
        except MessageGone:
            return

    async def retire(self, message: str) -> None:
        await self._end_stream(message)
        found = await self._fetch(message)
        blocks = [block for block in found.get("blocks", ()) if block.get("type") not in _BUTTONS]
        if not found or len(blocks) == len(found.get("blocks", ())):
            return
        text = found.get("text") or "…"
        if not any(block.get("type") in _TEXTS for block in blocks):
            # a stream's text is in none of its blocks, and an edit would replace it by them
            blocks.insert(0, {"type": "markdown", "text": text})
        with suppress(MessageGone):
            content: JSON = {"text": rendering.cut_to_summary(text), "blocks": blocks}
            await self._replace(message, content)

    async def _end_stream(self, message: str) -> None:
        """End the stream that the message may still be, of whichever run."""
        if self._place.thread and self._workspace.streaming:
            with suppress(Refused, MessageGone):
                await self._gateway.call("chat.stopStream", channel=self._place.channel, ts=message)
        await self._end_processing()

    async def _fetch(self, message: str) -> JSON:
        """A message as it stands; {} where it is gone. Raises SurfaceError."""
        thread = self._place.thread
        listed = await self._gateway.call(
            "conversations.replies" if thread else "conversations.history",
            channel=self._place.channel,
            ts=thread or None,
            oldest=message,
            latest=message,
            inclusive=True,
            limit=1,
        )
        return next((m for m in listed.get("messages", ()) if m.get("ts") == message), {})

    async def whisper(self, text: str) -> None:
        if not self._asker:
            return
        try:
            await self._gateway.call(
                "chat.postEphemeral",
                channel=self._place.channel,
                user=self._asker,
                text=escaped(text),
                thread_ts=self._begun_thread,
            )
        except Refused:  # where the bot may not write at all
            # a person's id as the channel is the direct message with them
            await self._gateway.call("chat.postMessage", channel=self._asker, text=escaped(text))

    @property
    def _begun_thread(self) -> str | None:
        """The thread, unless it is the question's own and has no message yet: nobody would see an
        ephemeral one there."""
        channel, thread = self._place.channel, self._place.thread
        if thread == self._seed and not self._workspace.threads.begun(channel, thread):
            return None
        return thread or None

    def _began(self) -> None:
        """The answer has a message in its thread."""
        if self._place.thread:
            workspace = self._workspace
            workspace.threads.replied(self._place.channel, self._place.thread, workspace.bot_user)

    async def attach(self, name: str, text: str) -> str | None:
        data = text.encode("utf-8", "replace")
        slot = await self._gateway.call(
            "files.getUploadURLExternal", filename=name, length=len(data)
        )
        await self._gateway.upload(slot["upload_url"], data)
        await self._gateway.call(
            "files.completeUploadExternal",
            files=[{"id": slot["file_id"], "title": name}],
            channel_id=self._place.channel,
            thread_ts=self._place.thread or None,
        )
        return str(slot["file_id"])

    # ---------------------------------------------------------------- streams

    async def _start_stream(self, part: Part) -> Stream | None:
        """A new stream, without text yet; None where the part is to be posted instead.

        An answer that waits in the queue is posted, since a stream shows neither its note nor its
        Stop button. So is one for which the rate limit of chat.startStream has no room.
        """
        if not self._streams or part.key in self._unconfirmed:
            return None
        if part.state is AnswerState.QUEUED and not is_thinking_note(part.note):
            return None
        tiers = self._workspace.tiers
        if not tiers.take("chat.startStream"):
            return None
        try:
            started = await self._gateway.call(
                "chat.startStream",
                channel=self._place.channel,
                thread_ts=self._place.thread,
                recipient_team_id=self._workspace.team,
                recipient_user_id=self._asker,
            )
        except Refused as refused:
            logger.info("Slack does not stream here, so answers are edited: %s", refused)
            self._streams = False
            return None
        except SurfaceBusy as busy:
            tiers.pause("chat.startStream", busy.retry_after)
            return None
        self._began()
        if not self._processing:
            self._processing = True  # Slack shows its own stop button meanwhile
            await self._set_status("processing")
        return Stream(
            self._gateway, tiers, self._workspace.clock, self._place.channel, str(started["ts"])
        )

    async def _append(self, stream: Stream, part: Part) -> bool:
        """Show `part` by appending to its stream; False where it has to be edited instead."""
        text = "" if rendering.is_placeholder(part) else harmless(part.text)
        if not stream.can_append(text):
            return False
        await self._show_thinking(part)
        if part.last and part.state.open:
            return await stream.append(text)
        done = await stream.finish(text, rendering.footer(part), last=part.last)
        if done and part.last:
            self._processing = False
        return done

    async def _show_thinking(self, part: Part) -> None:
        """Say beside a stream without text yet for how long the model has been thinking."""
        seconds = part.note.rpartition("…")[2].strip()
        thinking = part.state.open and rendering.is_placeholder(part) and seconds
        status = f"is thinking… {seconds}" if thinking else ""
        if status == self._thinking:
            return
        self._thinking = status
        try:
            await self._gateway.call(
                "assistant.threads.setStatus",
                channel_id=self._place.channel,
                thread_ts=self._place.thread,
                status=status,
            )
        except SurfaceError as error:  # cosmetic, as the session's status
            logger.debug("the status of the thread could not be set: %s", error)

    async def _end_processing(self) -> None:
        """Set the session's status to "active" where it may be "processing": Slack itself never
        ends that. Idempotent."""
        if self._processing is not False:
            self._processing = False
            await self._set_status("active")

    async def _set_status(self, status: str) -> None:
        try:
            await self._gateway.call(
                "agents.sessions.setStatus",
                channel_id=self._place.channel,
                thread_ts=self._place.thread,
                status=status,
                initiator_user_id=self._asker if status == "processing" else None,
            )
        except SurfaceError as error:  # cosmetic: the answer itself does not depend on it
            logger.debug("the session's status could not be set: %s", error)

    # ---------------------------------------------------------------- posts and edits

    async def _post(self, part: Part) -> str:
        if part.key in self._unconfirmed and (found := await self.find(part, ())):
            await self._update(found, part)  # while edits are limited, it is searched for again
            self._unconfirmed.discard(part.key)
            return found
        channel = self._place.channel
        await self._workspace.tiers.turn("chat.postMessage", channel)
        self._unconfirmed.add(part.key)  # until Slack has answered; a call may be cancelled, too
        try:
            posted = await self._gateway.call(
                "chat.postMessage",
                channel=channel,
                thread_ts=self._place.thread or None,
                unfurl_links=False,
                unfurl_media=False,
                metadata={
                    "event_type": rendering.METADATA_TYPE,
                    "event_payload": {"part": self._idempotency_key(part)},
                },
                **rendering.payload(part),
            )
        except OutcomeUnknown:
            raise
        except SurfaceError as error:
            self._unconfirmed.discard(part.key)
            if isinstance(error, SurfaceBusy):
                self._workspace.tiers.pause("chat.postMessage", error.retry_after, channel)
            raise
        self._unconfirmed.discard(part.key)
        self._began()
        return str(posted["ts"])

    async def _update(self, message: str, part: Part) -> None:
        tiers = self._workspace.tiers
        if not tiers.take("chat.update"):
            wait = tiers.wait("chat.update")
            raise SurfaceBusy("the rate limit of edits is used up", retry_after=wait, foreseen=True)
        await self._replace(message, rendering.payload(part))

    async def _replace(self, message: str, content: JSON) -> None:
        """Replace a message, which may be a stream of an earlier run of Parley."""
        where: JSON = {"channel": self._place.channel, "ts": message}
        try:
            await self._gateway.call("chat.update", **where, **content)
        except Refused as refused:
            if refused.code != "streaming_state_conflict":
                raise
            await self._gateway.call("chat.stopStream", **where)
            await self._gateway.call("chat.update", **where, **content)

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        """By the part's key in its metadata, or by buttons that name the answer, which a stream has
        at its end; None where the channel cannot be searched."""
        messages = [reference for reference in known if not reference.startswith("F")]
        for message in await self._listed(max(messages, default=self._seed)):
            event = (message.get("metadata") or {}).get("event_payload") or {}
            same = event.get("part") == self._idempotency_key(part)
            named = rendering.shows_answer(message, part.answer_id, part.tag)
            if (same or named) and str(message["ts"]) not in known:
                return str(message["ts"])
        return None

    async def _listed(self, oldest: str) -> list[JSON]:
        """The newest messages of the channel, or the next ones of the thread, after this one."""
        thread = self._place.thread
        method = "conversations.replies" if thread else "conversations.history"
        try:
            listed = await self._gateway.call(
                method,
                channel=self._place.channel,
                ts=thread or None,
                oldest=oldest or None,
                limit=_SEARCHED,
                include_all_metadata=True,
            )
        except Refused as refused:
            logger.warning(
                "a channel cannot be searched for a message that may have been posted: %s", refused
            )
            return []
        return list(listed.get("messages", ()))

    def _idempotency_key(self, part: Part) -> str:
        return f"{self._seed} {part.key}"
