"""What threads hang on in the store in memory, and which of a platform's messages are known."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from bot.messages import ConversationKey
from bot.ports import Origin
from storage.memory_reports import MemoryReports
from storage.memory_rows import MemoryConversation
from storage.rules import Now


class MemoryOrigins(MemoryReports):
    """`bot.ports.Origins`; a base class of `MemoryStore`."""

    def __init__(self, now: Now) -> None:
        super().__init__(now)
        self._events: dict[tuple[str, str], datetime] = {}
        """When each accepted event came, the oldest first."""

    def _of(self, conversation: ConversationKey) -> MemoryConversation:
        """The conversation to read from: an empty one where there is none."""
        return self._conversations.get(conversation) or MemoryConversation()

    async def origin(self, thread: ConversationKey) -> Origin | None:
        channel = self._of(replace(thread, thread=""))
        asked = [one for one in channel.questions if one.question.message_id == thread.thread]
        shown = [
            one for one in channel.questions if thread.thread in one.answers[-1].messages.values()
        ]
        if not thread.thread or not (found := asked or shown):
            return None
        newest = found[-1]
        hidden = newest.id <= channel.hidden_to or self._of(thread).reset_at is not None
        return Origin(newest.question, newest.asked_at, newest.exchange(None), hidden)

    async def reset_at(self, conversation: ConversationKey) -> datetime | None:
        return self._of(conversation).reset_at

    async def known_messages(
        self, conversation: ConversationKey, messages: Collection[str], events: Collection[str]
    ) -> set[str]:
        asked = {one.question.message_id for one in self._of(conversation).questions} - {""}
        accepted = {event for platform, event in self._events if platform == conversation.platform}
        return (asked & set(messages)) | (accepted & set(events))

    def _drop_resets(self, before: datetime) -> None:
        """Of conversations without questions."""
        for kept in self._conversations.values():
            if not kept.questions and kept.reset_at is not None and kept.reset_at < before:
                kept.reset_at = None
