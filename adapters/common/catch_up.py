"""Catching up: what people asked while Parley was not connected is found and answered.

After a start, and after a connection that the platform could not resume, the newest messages of the
places in which Parley answered lately are read from the platform's history. A question that is new
goes through `Desk.receive` like one that comes as an event: addressing, rights, limits and
deduplication are the same. Edits and deletions of known questions are applied too. Nothing of the
history is stored but the questions.
"""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from adapters.common.connect import FIRST_RETRY, LONGEST_RETRY
from adapters.common.control_words import control_word
from adapters.common.desk import Desk
from adapters.common.place import Place
from adapters.common.platform import Heard
from adapters.common.texts import counted
from bot.clock import Clock, SystemClock
from bot.errors import ParleyError, SurfaceBusy, SurfaceError
from bot.messages import ConversationKey
from bot.ports import RecentConversation, Store

logger = logging.getLogger(__name__)

MOST_PLACES = 50
"""Places that are read in one pass. Slack allows about 50 such calls a minute; Discord limits them
per channel. More places would make the questions of the last ones too old to be worth answering."""
MOST_MESSAGES = 100
"""The newest messages that are read of a place: what both platforms return in one call."""


MOST_OLD_THREADS = 10
"""Threads below older questions of one channel that are read in one pass: newer ones are found by
the channel's own page."""


@dataclass(frozen=True, slots=True)
class Found:
    """A message in a platform's history."""

    message_id: str
    posted_at: datetime
    edited_at: datetime | None
    """When it was edited last. Both times are by the platform's clock."""
    place: Place
    heard: Heard | None
    """None where no person wrote it."""
    post: Callable[[], Awaitable[None]]
    """Handle it as the event of a new message. Raises nothing that a person or the platform
    causes, but SurfaceBusy where the platform has to be asked first and fails; `edit` neither."""
    edit: Callable[[], Awaitable[None]]
    """Handle it as the event of an edit."""


@dataclass(frozen=True, slots=True)
class Page:
    """The messages of one place."""

    found: Sequence[Found]
    whole_from: datetime | None
    """From this moment on every message that exists is in `found`; None where that is not known."""
    whole_to: datetime | None = None
    """And up to this one; None: up to now."""
    threads: Sequence[ConversationKey] = ()
    """Threads of this channel in which something was written since the moment asked for."""

    def lacks(self, message_id: str, posted_at: datetime) -> bool:
        """Whether the message is known not to exist any more. An empty page proves nothing: it may
        be all that the bot is allowed to see."""
        if not self.found or self.whole_from is None or posted_at < self.whole_from:
            return False
        if self.whole_to is not None and posted_at > self.whole_to:
            return False
        return all(message.message_id != message_id for message in self.found)


class History(Protocol):
    """A platform's own history."""

    platform: str

    async def page(
        self, place: RecentConversation, since: datetime, known: datetime, /
    ) -> Page | None:
        """Up to about `MOST_MESSAGES` messages of the place, oldest first: those since `since`
        above all, and those since `known`, which is no later, where there is room. None where the
        place cannot be read. Raises SurfaceBusy where the platform fails or cannot be reached, so
        that a later try may succeed, and SurfaceError where it refuses."""
        ...

    def always_read(self, answer_all: frozenset[str]) -> list[RecentConversation]:
        """The channels in which every message is a question, by the ids of the configuration, as
        far as they are known: they are read even where nothing was asked lately."""
        ...

    def posted_at(self, message_id: str) -> datetime | None:
        """When the message was posted, which both platforms' ids contain."""
        ...


@dataclass(slots=True)
class _Pass:
    """One pass through the places."""

    since: datetime
    """The moment up to which everything was handled."""
    floor: datetime
    """Messages that are older are not answered any more."""
    ran_before: bool
    """Whether anything was handled before: else nothing was missed where no mention is needed."""
    known: dict[ConversationKey, dict[str, bool]] = field(default_factory=dict)
    """The questions that the database knows, by the place of their message: its id, and whether it
    is a direct message."""
    answered_in: dict[ConversationKey, list[ConversationKey]] = field(default_factory=dict)
    """By channel: the threads in which its newest questions were answered, the newest first."""
    changes: list[tuple[datetime, Callable[[], Awaitable[None]]]] = field(default_factory=list)
    gone: list[tuple[Place, str]] = field(default_factory=list)
    places: int = 0
    asked: int = 0
    edited: int = 0
    busy: SurfaceBusy | None = None
    """Why a part of the pass has to be tried again; None where it was complete."""

    @property
    def start(self) -> datetime:
        """Messages after this moment may be questions to answer."""
        return max(self.since, self.floor)

    def oldest_known(self, place: ConversationKey, history: History) -> datetime:
        moments = (history.posted_at(message_id) for message_id in self.known.get(place, ()))
        return min([self.start, *(moment for moment in moments if moment is not None)])


class CatchUp:
    """Catches up on one platform. For one event loop."""

    def __init__(
        self,
        desk: Desk,
        store: Store,
        history: History,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        clock: Clock | None = None,
    ) -> None:
        """`now` returns the current time, in UTC; `clock` is what waits between two tries."""
        self._desk = desk
        self._store = store
        self._history = history
        self._now = now
        self._clock = clock or SystemClock()
        self._since: datetime | None = None
        self._wanted = False
        self._running = False

    def begin(self) -> None:
        """A connection without the events of the meantime was made: note how far messages were
        handled. To be called before the first event of that connection is handled, and followed
        by `run`. Until a run was complete nothing newer is recorded as handled."""
        mark = self._desk.progress.pause()
        if not self._wanted:
            self._since = mark
        self._wanted = True

    async def run(self) -> None:
        """Find and handle what was missed. Returns when every question that was found is accepted
        or refused; where another run is under way, that one does it. Where the platform fails it is
        tried again, with backoff, for ``catch_up_minutes``: afterwards what was missed is too old
        to be answered. Raises nothing but CancelledError."""
        if self._running:
            return
        self._running = True
        try:
            while self._wanted:
                await self._until_complete()
        except ParleyError as error:
            logger.warning("%s: cannot look for missed questions now: %s", self._platform, error)
        except Exception:
            logger.exception("%s: catching up failed: a defect of Parley", self._platform)
        finally:
            self._running = False

    @property
    def _platform(self) -> str:
        return self._history.platform

    async def _until_complete(self) -> None:
        """Pass through the places until the platform has shown all of them. Where that fails, the
        next run begins at the same moment."""
        self._wanted, since = False, self._since
        delay, patience = FIRST_RETRY, self._desk.rules.catch_up_minutes * 60.0
        try:
            while (busy := await self._once(since)) is not None:
                patience -= delay
                if patience < 0:
                    raise busy
                text = "%s: a part of what was missed is looked for again in %.0f s: %s"
                logger.warning(text, self._platform, delay, busy)
                await self._clock.sleep(delay)
                delay = min(LONGEST_RETRY, delay * 2)
        except BaseException:
            self._wanted, self._since = True, since
            raise

    async def _once(self, since: datetime | None) -> SurfaceBusy | None:
        """One pass; returns why another one is needed, None where it was complete."""
        rules = self._desk.rules
        if rules.catch_up_days and rules.catch_up_minutes:
            now = self._now()
            floor = now - timedelta(minutes=rules.catch_up_minutes)
            since = since or await self._store.handled_to(self._platform)
            found = _Pass(since or floor, floor, since is not None)
            await self._read(found, now - timedelta(days=rules.catch_up_days))
            await self._apply(found)
            logger.info(
                "%s: looked for what was missed in %s: %s, %s, %s",
                self._platform,
                counted(found.places, "place"),
                counted(found.asked, "question"),
                counted(found.edited, "edit"),
                counted(len(found.gone), "deletion"),
            )
            if found.busy is not None:
                return found.busy
        if not self._wanted:
            await self._desk.progress.resume(self._platform)
        return None

    # ------------------------------------------------------------ reading

    async def _read(self, found: _Pass, earliest: datetime) -> None:
        """Read the places and note what is to be done. One that fails is left out; a second one
        ends it: then it is the platform that fails."""
        recent = await self._store.recent_conversations(self._platform, earliest, limit=MOST_PLACES)
        known = await self._places(recent, earliest, found)
        always = self._history.always_read(self._desk.rules.answer_all) if found.ran_before else []
        among = {place.conversation for place in known}
        places = deque([*known, *(one for one in always if one.conversation not in among)])
        queued = {place.conversation for place in places}
        while places and found.places < MOST_PLACES:
            place = places.popleft()
            found.places += 1
            try:
                page = await self._page(place, found)
            except SurfaceBusy as busy:
                if found.busy is not None:
                    return
                found.busy = busy
                continue
            if page is None:
                continue
            self._compare(place, page, found)
            threads = [*page.threads, *self._older_threads(place, page, found)]
            new = [key for key in dict.fromkeys(threads) if key not in queued]
            queued.update(new)
            places.extend(RecentConversation(key, place.direct) for key in new)

    @staticmethod
    def _older_threads(
        place: RecentConversation, page: Page, found: _Pass
    ) -> list[ConversationKey]:
        """Threads with answers to questions of this channel that its page does not reach."""
        listed = {message.message_id for message in page.found}
        known = found.answered_in.get(place.conversation, ())
        return [key for key in known if key.thread not in listed][:MOST_OLD_THREADS]

    async def _places(
        self, recent: Iterable[RecentConversation], earliest: datetime, found: _Pass
    ) -> list[RecentConversation]:
        """Where to look: these conversations, before a thread the channel whose own question opened
        it, and of direct messages the main conversation. Notes the known questions too."""
        places: dict[ConversationKey, RecentConversation] = {}
        for one in recent:
            key, channel = one.conversation, replace(one.conversation, thread="")
            opened_here = False
            for asked in await self._store.known_questions(key, limit=MOST_MESSAGES):
                message_id = asked.message_id
                opens = bool(key.thread) and message_id == key.thread
                opened_here = opened_here or opens
                if message_id and asked.asked_at >= earliest:
                    home = found.known.setdefault(channel if opens else key, {})
                    home[message_id] = one.direct
                    if asked.shown_in:
                        threads = found.answered_in.setdefault(key, [])
                        threads.append(replace(key, thread=asked.shown_in))
            if opened_here or one.direct:
                places.setdefault(channel, replace(one, conversation=channel))
            places.setdefault(key, one)
        return list(places.values())

    async def _page(self, place: RecentConversation, found: _Pass) -> Page | None:
        known = found.oldest_known(place.conversation, self._history)
        try:
            return await self._history.page(place, found.start, known)
        except SurfaceBusy:
            raise
        except SurfaceError as error:
            logger.info("%s: its history cannot be read: %s", place.conversation, error)
            return None

    def _compare(self, place: RecentConversation, page: Page, found: _Pass) -> None:
        """Note the differences between a page and what is known."""
        known = found.known.get(place.conversation, {})
        for message in page.found:
            # a "stop" or "reset" of the past is not obeyed
            if message.heard is not None and not control_word(message.heard.typed):
                self._note(message, message.heard, message.message_id in known, found)
        for message_id, direct in known.items():
            posted_at = self._history.posted_at(message_id)
            if posted_at is not None and page.lacks(message_id, posted_at):
                found.gone.append((Place(place.conversation, direct=direct), message_id))

    def _note(self, message: Found, heard: Heard, known: bool, found: _Pass) -> None:
        edited_at = message.edited_at
        if edited_at is not None and edited_at <= found.since:
            edited_at = None  # it came as an event
        if known:
            if edited_at is not None:
                found.changes.append((edited_at, message.edit))
                found.edited += 1
            return
        if message.posted_at < found.floor or not self._desk.may_concern(message.place, heard):
            return
        if message.posted_at > found.since:
            found.changes.append((message.posted_at, message.post))
            found.asked += 1
        elif edited_at is not None:  # it was no question before
            found.changes.append((edited_at, message.edit))
            found.asked += 1

    # ------------------------------------------------------------ applying

    async def _apply(self, found: _Pass) -> None:
        """Deletions first, then edits and new messages, oldest first."""
        for place, message_id in found.gone:
            await self._desk.deleted(place, [message_id])
        for _, change in sorted(found.changes, key=lambda change: change[0]):
            try:
                await change()
            except SurfaceBusy as busy:
                found.busy = busy
