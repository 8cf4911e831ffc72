"""A channel or a thread as the place where one answer is shown.

In a thread an answer is streamed natively where Slack allows that; everywhere else, and whenever a
stream cannot go on, its message is edited with chat.update. Both show the same text: what a stream
holds is always a beginning of what should be shown, and an edit replaces the whole.
"""

import logging

from adapters.slack import rendering as blocks
from adapters.slack.api import JSON
from adapters.slack.errors import OutcomeUnknown, Refused
from adapters.slack.mrkdwn import harmless, units
from adapters.slack.rate_limits import (
    APPEND_BURST,
    APPENDS_PER_SECOND,
    EDIT_BURST,
    EDITS_PER_SECOND,
    POST_BURST,
)
from adapters.slack.streams import Stream
from adapters.slack.workspaces import Workspace
from bot.delivery.rendering import place_note
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.messages import ConversationKey
from bot.ports import AnswerState, Part, SurfaceLimits

logger = logging.getLogger(__name__)

MOST_BYTES = 9000
"""Of one message. A stream takes about 10 kB in all, a markdown block 12,000 characters."""

_SEARCHED = 100
"""Messages among which one is looked for whose posting was not confirmed."""


class SlackSurface:
    """One answer's place; a `bot.ports.Surface`. References are messages' ``ts``, and file ids."""

    def __init__(
        self, workspace: Workspace, place: ConversationKey, *, asker: str = "", seed: str = ""
    ) -> None:
        """`asker`: the id of the person whom streams are addressed to; "" for no streams. `seed`:
        the ``ts`` of the question, after which a message is looked for."""
        self._workspace = workspace
        self._gateway = workspace.gateway
        self._place = place
        self._asker = asker
        self._seed = seed
        self._stream: Stream | None = None
        self._streams = workspace.streaming and bool(place.thread and asker)
        self._begun: dict[str, Stream] = {}
        """Streams that were opened for a part whose text could not be shown yet."""
        self._unconfirmed: set[str] = set()
        self._processing = False

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
        )

    # ---------------------------------------------------------------- the port

    async def send(self, part: Part) -> str:
        stream = self._begun.get(part.key) or await self._start_stream(part)
        if stream is None:
            return await self._post(part)
        self._begun[part.key] = self._stream = stream
        await self.edit(stream.ts, part)
        del self._begun[part.key]
        return stream.ts

    async def edit(self, message: str, part: Part) -> None:
        stream = self._stream
        if stream is not None and stream.ts == message and stream.open:
            if await self._grow(stream, part):
                return
            await stream.end()
        await self._update(message, part)
        if self._processing and _ended(part):  # no stream's end told Slack so
            self._processing = False
            await self._set_status("active")

    async def remove(self, message: str) -> None:
        channel = self._place.channel
        try:
            if message.startswith("F"):
                await self._gateway.call("files.delete", file=message)
            else:
                await self._gateway.call("chat.delete", channel=channel, ts=message)
        except MessageGone:
            return

    async def attach(self, name: str, text: str) -> str | None:
        data = text.encode("utf-8", "replace")
        begun = await self._gateway.call(
            "files.getUploadURLExternal", filename=name, length=len(data)
        )
        await self._gateway.upload(begun["upload_url"], data)
        await self._gateway.call(
            "files.completeUploadExternal",
            files=[{"id": begun["file_id"], "title": name}],
            channel_id=self._place.channel,
            thread_ts=self._place.thread or None,
        )
        return str(begun["file_id"])

    # ---------------------------------------------------------------- streams

    async def _start_stream(self, part: Part) -> Stream | None:
        """A new stream, without text yet; None where the part is to be posted.

        One that waits behind others is posted, since its note and its Stop button have to be seen;
        so is one for which this minute's streams are used up.
        """
        if not self._streams or part.key in self._unconfirmed:
            return None
        if part.state is AnswerState.QUEUED and part.note != place_note(0):
            return None
        tiers = self._workspace.tiers
        if not tiers.take("chat.startStream"):
            return None
        try:
            begun = await self._gateway.call(
                "chat.startStream",
                channel=self._place.channel,
                thread_ts=self._place.thread,
                recipient_team_id=self._workspace.team,
                recipient_user_id=self._asker,
            )
        except Refused as refused:
            logger.info("answers are not streamed here: %s", refused)
            self._streams = False
            return None
        except SurfaceBusy as busy:
            tiers.pause("chat.startStream", busy.retry_after)
            return None
        await self._set_processing()
        return Stream(
            self._gateway, tiers, self._workspace.clock, self._place.channel, str(begun["ts"])
        )

    async def _grow(self, stream: Stream, part: Part) -> bool:
        """Show `part` on its stream; False where that cannot be."""
        text = "" if blocks.waits(part) else harmless(part.text)
        if not stream.takes(text):
            return False
        if part.last and not _ended(part):
            return await stream.append(text)
        done = await stream.finish(text, blocks.below(part), whole=part.last)
        if done and part.last:
            self._processing = False
        return done

    async def _set_processing(self) -> None:
        """Slack shows its own stop button while a session is being processed."""
        if not self._processing:
            self._processing = True
            await self._set_status("processing")

    async def _set_status(self, status: str) -> None:
        try:
            await self._gateway.call(
                "agents.sessions.setStatus",
                channel_id=self._place.channel,
                thread_ts=self._place.thread,
                status=status,
                initiator_user_id=self._asker if status == "processing" else None,
            )
        except SurfaceError as error:  # a decoration: the answer itself is not touched
            logger.debug("the session's status could not be set: %s", error)

    # ---------------------------------------------------------------- posts and edits

    async def _post(self, part: Part) -> str:
        if part.key in self._unconfirmed and (found := await self._find(part)):
            self._unconfirmed.discard(part.key)
            await self._update(found, part)
            return found
        channel = self._place.channel
        await self._workspace.tiers.turn("chat.postMessage", channel)
        try:
            posted = await self._gateway.call(
                "chat.postMessage",
                channel=channel,
                thread_ts=self._place.thread or None,
                unfurl_links=False,
                unfurl_media=False,
                metadata={
                    "event_type": blocks.METADATA_TYPE,
                    "event_payload": {"part": self._mark(part)},
                },
                **blocks.message(part),
            )
        except OutcomeUnknown:
            self._unconfirmed.add(part.key)
            raise
        except SurfaceBusy as busy:
            self._workspace.tiers.pause("chat.postMessage", busy.retry_after, channel)
            raise
        self._unconfirmed.discard(part.key)
        return str(posted["ts"])

    async def _update(self, message: str, part: Part) -> None:
        tiers = self._workspace.tiers
        if not tiers.take("chat.update"):
            wait = tiers.wait("chat.update")
            raise SurfaceBusy("this minute's edits are used up", retry_after=wait, foreseen=True)
        arguments: JSON = {"channel": self._place.channel, "ts": message, **blocks.message(part)}
        try:
            await self._gateway.call("chat.update", **arguments)
        except Refused as refused:
            if refused.code != "streaming_state_conflict":
                raise
            # a stream that an earlier run of Parley opened
            await self._gateway.call("chat.stopStream", channel=self._place.channel, ts=message)
            await self._gateway.call("chat.update", **arguments)

    async def _find(self, part: Part) -> str | None:
        """The message of a post that was not confirmed, if it arrived."""
        thread = self._place.thread
        method = "conversations.replies" if thread else "conversations.history"
        try:
            listed = await self._gateway.call(
                method,
                channel=self._place.channel,
                ts=thread or None,
                oldest=self._seed or None,
                limit=_SEARCHED,
                include_all_metadata=True,
            )
        except Refused as refused:
            logger.warning("whether a message arrived cannot be looked up: %s", refused)
            return None
        for message in listed.get("messages", ()):
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("part") == self._mark(part):
                return str(message["ts"])
        return None

    def _mark(self, part: Part) -> str:
        return f"{self._seed} {part.key}"


def _ended(part: Part) -> bool:
    return part.state not in (AnswerState.QUEUED, AnswerState.WRITING)
