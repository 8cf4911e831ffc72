"""Summaries that are being written, in memory."""

import itertools
from collections.abc import Callable
from dataclasses import replace

from bot.messages import ConversationKey, Person
from bot.ports import PendingSummary, Quota, Spent
from storage.memory_personal import MemoryPersonal
from storage.rules import Now, storable


class MemorySummaries(MemoryPersonal):
    """`bot.ports.SummaryLedger`; a base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        super().__init__(now)
        self._summaries: dict[int, PendingSummary] = {}
        self._summary_ids = itertools.count(1)

    async def begin_summary(
        self, conversation: ConversationKey, person: Person, first: str, last: str, quota: Quota
    ) -> PendingSummary:
        self._charge_answer(person.key, quota)
        who = replace(person, name=storable(person.name), admin=False)
        number = next(self._summary_ids)
        pending = PendingSummary(number, conversation, who, first, last, self._now())
        self._summaries[number] = pending
        return pending

    async def charge_tokens(self, person: Person, tokens: int) -> None:
        if tokens:
            self._charge(person.key, Spent(tokens=tokens))

    async def end_summary(self, summary_id: int) -> None:
        self._summaries.pop(summary_id, None)

    async def pending_summaries(self, platform: str) -> list[PendingSummary]:
        return [one for one in self._summaries.values() if one.conversation.platform == platform]

    def _drop_summaries(self, unwanted: Callable[[PendingSummary], bool]) -> None:
        for number in [number for number, one in self._summaries.items() if unwanted(one)]:
            del self._summaries[number]
