"""Questions that were edited or deleted, in memory, and the messages that are left of them."""

from dataclasses import replace

from bot.messages import ConversationKey
from bot.ports import Leftover, StoredAnswer
from storage.memory_archive import MemoryArchive
from storage.memory_rows import MemoryQuestion
from storage.rules import Now, storable


class MemoryEdits(MemoryArchive):
    """`bot.ports.QuestionEdits`; a base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        super().__init__(now)
        self._leftovers: dict[tuple[ConversationKey, str], Leftover] = {}

    async def find_question(
        self, conversation: ConversationKey, message_id: str
    ) -> StoredAnswer | None:
        asked = self._in_message(conversation, message_id)
        return asked[-1].stored() if asked else None

    async def edit_question(
        self, conversation: ConversationKey, message_id: str, text: str
    ) -> StoredAnswer | None:
        asked = self._in_message(conversation, message_id)
        if not asked:
            return None
        newest = asked[-1]
        newest.question = replace(newest.question, text=storable(text))
        self._drop_prompts([newest])
        return newest.stored()

    async def delete_question(
        self, conversation: ConversationKey, message_id: str, *, remove: bool = False
    ) -> StoredAnswer | None:
        asked = self._in_message(conversation, message_id)
        if not asked:
            return None
        newest = asked[-1].stored()
        for message in newest.messages:
            unread = remove or not newest.text.strip()
            await self.leave(Leftover(newest.question.shown_at, message, unread))
        self._drop(lambda one: any(one is unwanted for unwanted in asked))
        return newest

    async def leftovers(self, platform: str) -> list[Leftover]:
        return [
            leftover
            for leftover in self._leftovers.values()
            if leftover.conversation.platform == platform
        ]

    async def leave(self, leftover: Leftover) -> None:
        self._leftovers.setdefault((leftover.conversation, leftover.message), leftover)

    async def cleared(self, leftover: Leftover) -> None:
        self._leftovers.pop((leftover.conversation, leftover.message), None)

    def _in_message(self, conversation: ConversationKey, message_id: str) -> list[MemoryQuestion]:
        asked = self._of(conversation).questions
        return [one for one in asked if message_id and one.question.message_id == message_id]
