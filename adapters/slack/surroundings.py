"""What people said around a question on Slack: conversations.replies for threads, oldest first, and
conversations.history for channels, newest first.

https://docs.slack.dev/reference/methods/conversations.replies and …/conversations.history. Both
need the scope ``channels:history``, ``groups:history``, ``im:history`` or ``mpim:history``, and
that the app is in the channel.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from adapters.common.surroundings import MOST_CALLS, newest_within
from adapters.slack import mrkdwn
from adapters.slack.api import JSON
from adapters.slack.content import author, names_of_files, said
from adapters.slack.errors import Refused
from adapters.slack.incoming import Said, moment_of
from adapters.slack.pages import fetch_page
from adapters.slack.payloads import Malformed, text
from adapters.slack.people import FewPeople
from adapters.slack.workspaces import Workspace, Workspaces
from bot.errors import SurfaceError, Unreadable
from bot.messages import ConversationKey, Question
from bot.ports import Around, Remark

logger = logging.getLogger(__name__)

SAID = frozenset({"", "bot_message", "file_share", "me_message", "thread_broadcast"})
"""The subtypes of messages that somebody, or some app, wrote."""
DELETED = "tombstone"
"""The subtype of a deleted message whose thread goes on."""
MOST_NAMES = 40
"""People whose names are looked up for one question."""
LARGE_PAGE = 999
"""Messages of a page of a long thread: the most that Slack returns."""
ENOUGH = 4
"""The end of a long thread is found well enough where it fills a page to one part in so many."""


class SlackSurroundings:
    """`bot.ports.Surroundings`. Makes at most `MOST_CALLS` calls, and one for each name that is not
    known yet."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def thread(self, question: Question, *, messages: int, characters: int) -> Around:
        workspace = await self._workspaces.by_key(question.conversation.workspace)
        if workspace is None:
            return Around()
        pages = _Pages(workspace, question, messages)
        try:
            first, replies, older = await pages.newest_replies()
        except Refused as refused:
            if refused.code == "thread_not_found":
                return Around(starter_gone=True)
            raise _unreadable(refused) from refused
        reader = _Reader.of(workspace, question)
        around = await reader.around(replies[::-1], characters, older=older)
        if first is None or text(first, "subtype", "") == DELETED or reader.is_own(first):
            return replace(around, starter_gone=True)
        return replace(
            around, starter=await reader.remark(first) if reader.is_said(first) else None
        )

    async def channel(self, question: Question, *, messages: int, characters: int) -> Around:
        workspace = await self._workspaces.by_key(question.conversation.workspace)
        if workspace is None:
            return Around()
        try:
            listed, older = await _Pages(workspace, question, messages).newest_in_channel()
        except Refused as refused:
            raise _unreadable(refused) from refused
        reader = _Reader.of(workspace, question)
        return await reader.around(listed, characters, older=older)


def _unreadable(refused: Refused) -> SurfaceError:
    """Unreadable where a scope or the membership is missing; else the refusal itself."""
    match refused.code:
        case "missing_scope":
            scope = refused.needed or "to read messages"
            return Unreadable(str(refused), f"the scope {scope} in this workspace")
        case "not_in_channel" | "channel_not_found":
            return Unreadable(str(refused), "an invitation to this channel (`/invite`)")
    return refused


# ---------------------------------------------------------------- pages


@dataclass(frozen=True, slots=True)
class _Pages:
    """The messages before a question, up to `most`."""

    workspace: Workspace
    question: Question
    most: int

    async def newest_in_channel(self) -> tuple[list[JSON], bool]:
        """Newest first, and whether there are more. Slack returns fewer than asked for to some
        apps, so several pages may be needed."""
        channel = self.question.conversation.channel
        listed: list[JSON] = []
        arguments: dict[str, Any] = {"latest": self.question.message_id}
        for _ in range(MOST_CALLS):
            page, cursor = await fetch_page(
                self.workspace,
                "conversations.history",
                limit=self.most,
                channel=channel,
                **arguments,
            )
            listed += page
            if not cursor or len(listed) >= self.most:
                return listed[: self.most], bool(cursor) or len(listed) > self.most
            arguments = {"latest": self.question.message_id, "cursor": cursor}
        return listed, True

    async def newest_replies(self) -> tuple[JSON | None, list[JSON], bool]:
        """The thread's first message, the newest replies, oldest first, and whether there are more.

        Slack lists a thread from its beginning: one that has more than a page is read on, in large
        pages, or where that would take too many, the moment from which on a page holds all is
        searched for.
        """
        first, replies, cursor = await self._replies(self.most)
        if not (cursor and replies and first):
            return first, replies, False
        whole = len(replies) >= self.most - 1  # to some apps Slack returns fewer than asked for
        size = LARGE_PAGE if whole else len(replies)
        left = max(1, _count(first) - len(replies))
        if left > size * (MOST_CALLS - 1):
            return first, (await self._search(replies, left, size))[-self.most :], True
        for _ in range(MOST_CALLS - 1):
            _, more, cursor = await self._replies(size, cursor=cursor)
            replies += more
            if not cursor:
                break
        return first, replies[-self.most :], len(replies) > self.most

    async def _search(self, replies: list[JSON], left: int, size: int) -> list[JSON]:
        """The newest replies, or nearly: first from the moment on at which they would be if people
        had gone on as they began, then by halves. `left`: how many come after `replies`."""
        begin, end = _moment(replies[-1]), moment_of(self.question.message_id)
        if end is None:
            return replies
        complete: list[JSON] = []
        between = (begin - _moment(replies[0])) / len(replies)
        last = min(end, begin + between * left)
        guess = last - (last - begin) * min(0.5, size / 2 / left)
        for _ in range(MOST_CALLS - 1):
            _, found, cursor = await self._replies(size, oldest=f"{guess.timestamp():.6f}")
            if cursor and found:
                begin, replies = _moment(found[-1]), found
            else:
                end, complete = guess, found or complete
                if len(found) >= min(self.most, size // ENOUGH):
                    break
            guess = begin + (end - begin) / 2
        return complete or replies

    async def _replies(
        self, limit: int, *, oldest: str = "", cursor: str = ""
    ) -> tuple[JSON | None, list[JSON], str]:
        """The thread's first message, which Slack adds to each page, one page of replies after
        `oldest`, and the cursor of the next, where there are more before the question."""
        key = self.question.conversation
        page, following = await fetch_page(
            self.workspace,
            "conversations.replies",
            limit=limit,
            channel=key.channel,
            ts=key.thread,
            latest=self.question.message_id,
            oldest=oldest or None,
            cursor=cursor or None,
        )
        first = next((one for one in page if one["ts"] == key.thread), None)
        return first, [one for one in page if one["ts"] != key.thread], following


def _moment(message: JSON) -> datetime:
    moment = moment_of(message["ts"])
    assert moment is not None, "pages hold nothing else"
    return moment


def _count(first: JSON) -> int:
    count = first.get("reply_count")
    return count if isinstance(count, int) else 0


# ---------------------------------------------------------------- messages


@dataclass(slots=True)
class _Reader:
    """Makes remarks of a channel's messages."""

    workspace: Workspace
    key: ConversationKey

    @classmethod
    def of(cls, workspace: Workspace, question: Question) -> "_Reader":
        few = replace(workspace, people=FewPeople(workspace.people, MOST_NAMES))
        return cls(few, question.conversation)

    async def around(self, newest_first: Sequence[JSON], characters: int, *, older: bool) -> Around:
        written = [one for one in newest_first if self.is_said(one)]
        kept, dropped = newest_within(written, characters, lambda one: len(one.get("text") or ""))
        # the newest first: where there are too many people, theirs are the names that matter
        remarks = [await self.remark(one) for one in reversed(kept)]
        return Around(tuple(reversed(remarks)), older=older or dropped)

    def is_own(self, message: JSON) -> bool:
        own = (self.workspace.bot_user, self.workspace.bot_id)
        return message.get("user") == own[0] or message.get("bot_id") == own[1]

    def is_said(self, message: JSON) -> bool:
        """Whether somebody wrote it, and not to Parley."""
        try:
            typed, subtype = text(message, "text", ""), text(message, "subtype", "")
        except Malformed as error:
            logger.warning("a message of Slack's history is ignored: %s", error)
            return False
        mention = f"<@{self.workspace.bot_user}"
        to_parley = mention in mrkdwn.without_code(typed)
        return subtype in SAID and not self.is_own(message) and not to_parley

    async def remark(self, message: JSON) -> Remark:
        ts = str(message["ts"])
        event = Said("", self.key.channel, ts, "", "", (), "").event_id(self.workspace)
        name = await author(self.workspace, message)
        words = await said(self.workspace, message)
        return Remark(ts, event, name, words, _moment(message), names_of_files(message))
