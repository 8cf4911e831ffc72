"""The surface of one answer in a Slack channel, thread or direct message.

In a thread an answer is streamed natively where Slack allows that, from its first words on; what
comes before them is said by the thread's status (`adapters.slack.sessions`). Everywhere else, and
from the moment at which a stream ends early, its message is edited with chat.update. Both show the
same text: a stream holds a beginning of it, and an edit replaces all of it.
"""

import logging
from collections.abc import Collection
from contextlib import suppress

from adapters.slack import rendering
from adapters.slack.api import JSON
from adapters.slack.errors import OutcomeUnknown, Refused
from adapters.slack.mrkdwn import escaped, harmless, units
from adapters.slack.rate_limits import APPENDS, EDITS, MINUTE, POST_BURST, POSTS_PER_SECOND
from adapters.slack.sessions import LINE_SECONDS, Session
from adapters.slack.streams import Stream
from adapters.slack.workspaces import Workspace
from bot.delivery.rendering import is_thinking_note
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.messages import ConversationKey
from bot.ports import Part, SurfaceLimits

logger = logging.getLogger(__name__)

MOST_BYTES = 9000
"""UTF-8 bytes of one message. Slack accepts about 10 kB in a stream and 12,000 characters in a
markdown block."""

_BUTTONS = frozenset({"actions", "context_actions"})
"""The types of blocks that hold buttons."""
_TEXTS = frozenset({"markdown", "rich_text", "section"})
"""The types of blocks that hold text."""
SURE_LETTERS = 16
"""Letters and digits of a text with which a message begins by no chance."""
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
        title: str = "",
    ) -> None:
        """`asker`: the id of the person who asked, to whom streams are addressed; "" for no
        streams. `seed`: the ``ts`` of the question; messages before it are not searched.
        `title`: of the chat that the question opens; "" for none."""
        self._workspace = workspace
        self._gateway = workspace.gateway
        self._place = place
        self._asker = asker
        self._seed = seed
        self._stream: Stream | None = None
        self._streams = workspace.streaming and bool(place.thread and asker)
        self._unconfirmed: dict[str, str] = {}
        """Parts whose posting has an unknown outcome, with the text of a stream."""
        self._mine: set[str] = set()
        """Messages that show the answer, or did until another one took their place."""
        self._session = Session(
            workspace,
            place.channel,
            place.thread,
            asker,
            on=workspace.streaming and bool(place.thread),
            question=seed,
            title=title,
        )

    @property
    def limits(self) -> SurfaceLimits:
        streams = self._stream.open if self._stream else self._streams
        method = "chat.appendStream" if streams else "chat.update"
        most = APPENDS if streams else EDITS
        return SurfaceLimits(
            max_units=MOST_BYTES,
            units=units,
            budget=f"slack:{self._workspace.key}:{method}",
            edits_per_second=most / MINUTE,
            burst=most,
            window_seconds=MINUTE,
            posts_burst=POST_BURST,
            posts_per_second=POSTS_PER_SECOND,
            note_seconds=LINE_SECONDS,
            quote="> ",
            found_by_text=self._streams,
        )

    # ---------------------------------------------------------------- the port

    async def send(self, part: Part) -> str:
        if await self._said(part):
            return ""
        stream = await self._start_stream(part)
        if stream is not None:
            self._stream = stream
            self._mine.add(stream.ts)
            return stream.ts
        posted = await self._post(part)
        self._mine.add(posted)
        if not part.state.open:
            await self._session.end()
        return posted

    async def _said(self, part: Part) -> bool:
        """Say by the thread's status what a part without text has to say. False where it has to be
        posted: Slack shows no status or no stop button here, or a message may be there already."""
        waits = part.state.open and rendering.is_placeholder(part)
        if not waits or not self._streams or part.key in self._unconfirmed:
            return False
        return await self._session.begin() and await self._session.say(_line(part.note))

    async def edit(self, message: str, part: Part) -> None:
        self._mine.add(message)
        try:
            await self._edit(message, part)
        except MessageGone:
            await self._session.end()
            raise

    async def _edit(self, message: str, part: Part) -> None:
        stream = self._stream
        if stream is not None and stream.ts == message and stream.open:
            if await self._append(stream, part):
                return
            await stream.stop()
        await self._update(message, part)
        if not part.state.open:  # chat.stopStream did not set it
            await self._session.end()

    async def leave(self) -> None:
        await self._session.end()

    async def remove(self, message: str) -> None:
        await self._session.end()
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
        await self._session.end()

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

    def _began(self, ts: str) -> None:
        """The answer has this message."""
        self._session.posted()
        threads, channel, thread = self._workspace.threads, self._place.channel, self._place.thread
        threads.own.add((channel, ts))
        if thread:
            threads.replied(channel, thread, self._workspace.bot_user)

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
        """A new stream that shows the part's text; None where the part is to be posted instead: it
        has no text or is complete, its text, by which alone a stream can be found after a crash, is
        not saved, or the rate limit of chat.startStream has no room."""
        growing = part.last and part.state.open and not rendering.is_placeholder(part)
        findable = part.saved and part.key not in self._unconfirmed
        if not (growing and findable and self._streams):
            return None
        tiers = self._workspace.tiers
        if not tiers.take("chat.startStream"):
            return None
        text = harmless(part.text)
        self._unconfirmed[part.key] = text  # until Slack has answered; a call may be cancelled, too
        try:
            started = await self._gateway.call(
                "chat.startStream",
                channel=self._place.channel,
                thread_ts=self._place.thread,
                recipient_team_id=self._workspace.team,
                recipient_user_id=self._asker,
                markdown_text=text,
            )
        except OutcomeUnknown:
            raise
        except Refused as refused:
            logger.info("Slack does not stream here, so answers are edited: %s", refused)
            self._streams = False
            self._unconfirmed.pop(part.key)
            return None
        except SurfaceBusy as busy:
            tiers.pause("chat.startStream", busy.retry_after)
            self._unconfirmed.pop(part.key, None)
            return None
        self._unconfirmed.pop(part.key, None)
        ts = str(started["ts"])
        self._began(ts)
        await self._session.begin()  # Slack shows its own stop button meanwhile
        clock = self._workspace.clock
        return Stream(self._gateway, tiers, clock, self._place.channel, ts, text)

    async def _append(self, stream: Stream, part: Part) -> bool:
        """Show `part` by appending to its stream; False where it has to be edited instead."""
        text = "" if rendering.is_placeholder(part) else harmless(part.text)
        if not stream.can_append(text):
            return False
        if part.last and part.state.open:
            return await stream.append(text)
        ends = part.last and self._session.leave()
        done = await stream.finish(text, rendering.footer(part), ends=ends)
        if done and part.last:
            self._session.ended()
        return done

    # ---------------------------------------------------------------- posts and edits

    async def _post(self, part: Part) -> str:
        if part.key in self._unconfirmed and (found := await self.find(part, self._mine)):
            await self._update(found, part)  # while edits are limited, it is searched for again
            self._unconfirmed.pop(part.key, None)
            return found
        channel = self._place.channel
        await self._workspace.tiers.turn("chat.postMessage", channel)
        self._unconfirmed.setdefault(part.key, "")  # until Slack has answered, as above
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
            self._unconfirmed.pop(part.key, None)
            if isinstance(error, SurfaceBusy):
                self._workspace.tiers.pause("chat.postMessage", error.retry_after, channel)
            raise
        self._unconfirmed.pop(part.key, None)
        self._began(str(posted["ts"]))
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
        at its end; before that, by its text, with which the part's begins, or that with which it
        was started. None where the channel cannot be searched."""
        messages = [reference for reference in known if not reference.startswith("F")]
        for message in await self._listed(max(messages, default=self._seed)):
            event = (message.get("metadata") or {}).get("event_payload") or {}
            same = event.get("part") == self._idempotency_key(part)
            named = rendering.shows_answer(message, part.answer_id, part.tag)
            streamed = not event and self._may_be_stream_of(message, part)
            if (same or named or streamed) and str(message["ts"]) not in known:
                return str(message["ts"])
        return None

    def _may_be_stream_of(self, message: JSON, part: Part) -> bool:
        """Whether a message looks like the beginning of a stream of this part which nobody knows:
        the bot's, without buttons, with a text with which the part, or the stream that was
        attempted, begins: what it was started with may have proved to be a thought. Or with one
        that begins with the part's: after kill -9 the message may be ahead of what was saved."""
        mine = message.get("user") == self._workspace.bot_user and self._streams
        known = (self._place.channel, str(message.get("ts"))) in self._workspace.threads.own
        buttons = any(block.get("type") in _BUTTONS for block in message.get("blocks") or ())
        begun = _letters(str(message.get("text") or ""))
        if not mine or known or buttons or not begun:
            return False
        text = "" if rendering.is_placeholder(part) else harmless(part.text)
        texts = [_letters(one) for one in (text, self._unconfirmed.get(part.key, ""))]
        ahead = len(texts[0]) >= SURE_LETTERS and begun.startswith(texts[0])
        return ahead or any(one.startswith(begun) for one in texts)

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


def _line(note: str) -> str:
    """The thread's status for a note, which Slack shows after the bot's name."""
    if not note or is_thinking_note(note):
        seconds = note.rpartition("…")[2].strip()
        return f"is thinking… {seconds}".rstrip()
    return f"is waiting… {note}"


def _letters(text: str) -> str:
    """Letters and digits alone, which survive however Slack writes a text."""
    return "".join(filter(str.isalnum, text))
