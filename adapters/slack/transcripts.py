"""Reads what was said in a place on Slack, for a summary: conversations.history for channels, the
newest first, conversations.replies for threads, the oldest first.

https://docs.slack.dev/reference/methods/conversations.history and …/conversations.replies. Both
need the scope ``channels:history``, ``groups:history``, ``im:history`` or ``mpim:history``, and
that the app is in the channel. To some apps Slack shows 15 messages a call, once a minute.
"""

import re
from dataclasses import replace
from typing import Any

from adapters.common.place import Place
from adapters.common.since import Since, asks_for_summary
from adapters.common.texts import WORKING
from adapters.common.transcripts import MOST_MESSAGES
from adapters.slack import mrkdwn
from adapters.slack.api import JSON
from adapters.slack.errors import Refused
from adapters.slack.incoming import moment_of
from adapters.slack.pages import fetch_page
from adapters.slack.payloads import Malformed, records, text
from adapters.slack.people import FewPeople
from adapters.slack.workspaces import Workspace, Workspaces
from bot.engine.transcript import Spoken, Transcript
from bot.errors import NotAllowed, SurfaceBusy
from bot.messages import Person
from bot.names import clean_name, file_marks

PAGE, LARGE_PAGE = 200, 999
"""Messages of one call: of a channel, and of a thread, whose newest come last."""
MOST_CALLS = 8
MOST_NAMES = 100
"""People whose names are looked up for one summary: about as many calls as Slack allows a
minute."""
SPOKEN = frozenset({"", "bot_message", "file_share", "me_message", "thread_broadcast"})
"""The subtypes of messages that somebody, or some app, wrote."""
NOT_HERE = "I am not in this channel, so I cannot read it. Invite me with `/invite` and ask again."
_LINK = re.compile(r"\S*/archives/([A-Z0-9]+)/p(\d{10})(\d{6})(?:\?\S*)?")
_THREAD = re.compile(r"thread_ts=(\d+\.\d+)")


class SlackTranscripts:
    """`adapters.common.transcripts.Transcripts`."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def read(
        self, place: Place, asker: Person, since: Since, *, last: str = ""
    ) -> Transcript:
        workspace = await self._workspaces.by_key(place.key.workspace)
        if workspace is None:
            raise NotAllowed(NOT_HERE)
        try:
            if place.key.thread:
                listed, older, later = await _thread(workspace, place, last)
            else:
                listed, older, later = *await _channel(workspace, place, asker, since, last), False
        except Refused as refused:
            raise _explained(refused) from refused
        listed = [one for one in listed if not _is_request(workspace, one, asker)]
        begun = [one for one in listed if _is_before(one, since, asker)]
        wanted = listed[listed.index(begun[-1]) + 1 :] if begun else listed
        kept = wanted[-MOST_MESSAGES:]
        older = len(kept) < len(wanted) or (older and not begun)
        few = replace(workspace, people=FewPeople(workspace.people, MOST_NAMES))
        # the newest first: where there are too many people, theirs are the names that matter
        spoken = [one for one in [await _spoken(few, each) for each in reversed(kept)] if one][::-1]
        first, newest = (str(kept[0]["ts"]), str(kept[-1]["ts"])) if kept else ("", "")
        return Transcript(tuple(spoken), first, newest, older=older, later=later)

    def linked(self, place: Place, text: str) -> str:
        typed = text.strip().strip("<>").partition("|")[0]
        found = _LINK.fullmatch(typed)
        if found is None or found[1] != place.key.channel:
            return ""
        ts, thread = f"{found[2]}.{found[3]}", _THREAD.search(typed)
        of = thread[1] if thread else ts
        return ts if place.key.thread in ("", of) and (place.key.thread or of == ts) else ""

    def link(self, place: Place) -> str:
        team, channel = place.workspace, place.key.channel
        return f"[Here](https://slack.com/app_redirect?team={team}&channel={channel})"


# ---------------------------------------------------------------- pages


async def _channel(
    workspace: Workspace, place: Place, asker: Person, since: Since, last: str
) -> tuple[list[JSON], bool]:
    """The newest messages, oldest first, back to where `since` begins; whether there are more."""
    found: list[JSON] = []
    cursor = ""
    until = {"latest": last, "inclusive": True} if last else {}
    for _ in range(MOST_CALLS):
        try:
            page, cursor = await _page(
                workspace, "conversations.history", place, limit=PAGE, cursor=cursor, **until
            )
        except SurfaceBusy:
            if not found:
                raise
            return found[::-1], True
        found += page
        reached = any(_is_before(one, since, asker) for one in page)
        if reached or not cursor or len(found) > MOST_MESSAGES:
            break
    return found[::-1], bool(cursor)


async def _thread(workspace: Workspace, place: Place, last: str) -> tuple[list[JSON], bool, bool]:
    """The messages of a thread, oldest first; whether later ones are left out."""
    found: list[JSON] = []
    cursor = ""
    until = {"latest": last, "inclusive": True} if last else {}
    for _ in range(MOST_CALLS):
        page, cursor = await _page(
            workspace,
            "conversations.replies",
            place,
            ts=place.key.thread,
            limit=LARGE_PAGE,
            cursor=cursor,
            **until,
        )
        known = {one["ts"] for one in found}
        found += [one for one in page if one["ts"] not in known]
        if not cursor:
            break
    return found, False, bool(cursor)


async def _page(
    workspace: Workspace, method: str, place: Place, **arguments: Any
) -> tuple[list[JSON], str]:
    """One page, with the cursor of the next; "" where there is none. Raises SurfaceError."""
    given = {name: value for name, value in arguments.items() if value}
    return await fetch_page(workspace, method, channel=place.key.channel, **given)


def _explained(refused: Refused) -> Exception:
    """With a text that names the scope, or the membership, that is missing."""
    if refused.code == "missing_scope":
        scope = re.search(r"the scope (\S+)", str(refused))
        name = scope[1] if scope else "to read messages"
        return NotAllowed(f"I cannot read what was said: the Slack app lacks the scope {name}.")
    if refused.code in ("not_in_channel", "channel_not_found"):
        return NotAllowed(NOT_HERE)
    return refused


# ---------------------------------------------------------------- messages


def _is_before(message: JSON, since: Since, asker: Person) -> bool:
    """Whether what is asked for begins after it."""
    if since.message:
        return str(message["ts"]) < since.message
    if since.moment is not None:
        posted = moment_of(message["ts"])
        return posted is not None and posted < since.moment
    return str(message.get("user", "")) == asker.id.rpartition(".")[2]


def _is_request(workspace: Workspace, message: JSON, asker: Person) -> bool:
    """Whether it is the message by which the asker asks for the summary."""
    if str(message.get("user", "")) != asker.id.rpartition(".")[2]:
        return False
    return asks_for_summary(
        mrkdwn.without_mention(str(message.get("text", "")), workspace.bot_user)
    )


async def _spoken(workspace: Workspace, message: JSON) -> Spoken | None:
    try:
        if text(message, "subtype", "") not in SPOKEN:
            return None
        user = text(message, "user", "")
        said = await mrkdwn.plain(text(message, "text", ""), workspace.people.name)
        files = file_marks(str(file.get("name") or "") for file in records(message, "files"))
        said = " ".join(filter(None, (said, files)))
        if not said.strip() or (user == workspace.bot_user and said == WORKING):
            return None
        name = await workspace.people.name(user) if user else text(message, "username", "")
    except Malformed:
        return None
    return Spoken(clean_name(name, "an app"), said)
