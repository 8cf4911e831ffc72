"""Summaries of what was said in a place, for one person alone."""

import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from adapters.common import texts
from adapters.common.place import Place
from adapters.common.platform import Platform
from adapters.common.since import LAST_MESSAGE, Since
from bot.engine import Engine
from bot.engine.settings import settings_in
from bot.engine.summaries import Summary
from bot.engine.transcript import Transcript
from bot.errors import NotAllowed, NothingToDo
from bot.messages import Person
from bot.ports import PendingSummary, Store

logger = logging.getLogger(__name__)

TAKEN_UP_WITHIN = timedelta(days=1)
"""A summary that was asked for longer ago is told as ended at the start."""

Private = Callable[[str], Awaitable[bool]]
"""Shows a text to the person alone, whole, where they asked; False where that is not possible any
more: then it comes in a direct message. Raises nothing."""


class PrivateSummaries:
    """What `/summarize` does. `on`: whether the operator allows it."""

    def __init__(self, engine: Engine, store: Store, platform: Platform, *, on: bool) -> None:
        self._engine = engine
        self._store = store
        self._platform = platform
        self._on = on

    async def begin(
        self, place: Place, person: Person, since: Since, private: Private | None
    ) -> str:
        """Sum up what was said here since then for `person` alone, who can read this place. Returns
        when it was begun, with a text for them where it takes longer; "" where it comes
        at once. Without `private` it comes in a direct message. Raises Refusal, SurfaceError,
        StorageError."""
        transcripts = self._platform.transcripts
        if not self._on or transcripts is None:
            raise NotAllowed(texts.SUMMARIES_OFF)
        if (await settings_in(self._store, place.key)).muted and not person.admin:
            raise NotAllowed("I am muted here.")
        said = await transcripts.read(place, person, since)
        if not said.spoken:
            nothing = texts.NOTHING_SAID_SINCE if since == LAST_MESSAGE else texts.NOTHING_SAID_THEN
            raise NothingToDo(nothing)

        async def deliver(summary: Summary) -> None:
            shown = texts.summary_text(summary, said)
            if private is None or not await private(shown):
                await self._by_direct(place, person, shown)

        steps = await self._engine.summaries.begin(place.key, person, said, deliver)
        return texts.summary_begun_text(len(said.spoken), steps, direct=private is None)

    async def _by_direct(self, place: Place, person: Person, text: str) -> None:
        direct = await self._platform.direct(person)
        if direct is None or self._platform.transcripts is None:
            raise NotAllowed(texts.NO_DIRECT)
        await direct.say(f"{self._platform.transcripts.link(place)}: {text}")

    # ------------------------------------------------------------ after a restart

    async def resume(self, platform: str, *, resume: bool) -> None:
        """Take up what an earlier run left pending on this platform; with `resume` False, and what
        was asked for too long ago, is told as ended. To be called once, before new requests. Raises
        StorageError."""
        for pending in await self._store.pending_summaries(platform):
            age = datetime.now(UTC) - pending.asked_at
            if resume and self._on and age < TAKEN_UP_WITHIN:
                self._take_up(pending)
            else:
                self._engine.summaries.give_up(pending, self._deliver_late(pending, None))

    def _take_up(self, pending: PendingSummary) -> None:
        said: list[Transcript] = []

        async def read() -> Transcript:
            transcripts = self._platform.transcripts
            assert transcripts is not None
            since = Since(message=pending.first)
            found = await transcripts.read(
                Place(pending.conversation), pending.person, since, last=pending.last
            )
            said.append(found)
            return found

        self._engine.summaries.take_up(pending, read, self._deliver_late(pending, said))

    def _deliver_late(
        self, pending: PendingSummary, said: list[Transcript] | None
    ) -> Callable[[Summary], Awaitable[None]]:
        place = Place(pending.conversation)

        async def deliver(summary: Summary) -> None:
            read = said[0] if said else Transcript(())
            await self._by_direct(place, pending.person, texts.summary_text(summary, read))

        return deliver
