"""What catching up needs of the store in memory."""

import itertools
from datetime import datetime

from bot.messages import ConversationKey
from bot.ports import KnownQuestion, RecentConversation
from storage.memory_origins import MemoryOrigins
from storage.rules import Now


class MemoryMissed(MemoryOrigins):
    """`bot.ports.Missed`; a base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        super().__init__(now)
        self._handled_to: dict[str, datetime] = {}

    async def recent_conversations(
        self, platform: str, since: datetime, *, limit: int
    ) -> list[RecentConversation]:
        newest = [
            (kept.questions[-1], key)
            for key, kept in self._conversations.items()
            if key.platform == platform and kept.questions
        ]
        newest.sort(key=lambda one: one[0].id, reverse=True)
        found = [
            RecentConversation(key, asked.question.direct)
            for asked, key in newest
            if asked.asked_at >= since or asked.question.direct
        ]
        return found[:limit]

    async def known_questions(
        self, conversation: ConversationKey, *, limit: int
    ) -> list[KnownQuestion]:
        found = itertools.islice(self._of(conversation).visible(), limit)
        return [
            KnownQuestion(asked.question.message_id, asked.asked_at, asked.question.shown_in)
            for asked in found
        ]

    async def handled_to(self, platform: str) -> datetime | None:
        return self._handled_to.get(platform)

    async def record_handled(self, platform: str, moment: datetime) -> None:
        self._handled_to[platform] = moment
