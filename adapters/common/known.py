"""What the database knows of messages of a place."""

from dataclasses import dataclass, replace
from typing import Protocol

from adapters.common.place import Place
from bot.ports import Store, StoredAnswer


class Known(Protocol):
    """What is known of a message, by its id. Raises StorageError."""

    async def asked(self, message_id: str, /) -> bool:
        """Whether it was asked as a question."""
        ...

    async def text(self, message_id: str, /) -> str:
        """The text of the question in it, as it is stored; "" where it holds none."""
        ...

    async def pointed(self, message_id: str, /) -> str | None:
        """What the question in it pointed at when it was asked: the first part of its stored text.
        None where it pointed at nothing, or where that is not known."""
        ...

    async def new_thread(self) -> bool:
        """Whether the place is a thread in which nothing was asked yet, and that was not opened on
        a question."""
        ...

    async def shows_newest(self, message_id: str, /) -> bool:
        """Whether it shows the newest answer of the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class KnownIn:
    """`Known` of one place."""

    store: Store
    place: Place

    async def asked(self, message_id: str, /) -> bool:
        return await self._question(message_id) is not None

    async def text(self, message_id: str, /) -> str:
        stored = await self._question(message_id)
        return stored.question.text if stored else ""

    async def pointed(self, message_id: str, /) -> str | None:
        stored = await self._question(message_id)
        if stored is None or stored.question.pointed is None:
            return None
        return stored.question.text[: stored.question.pointed]

    async def new_thread(self) -> bool:
        key = self.place.key
        if not key.thread or await self._question(key.thread) is not None:
            return False
        return not await self.store.answers(conversation=key, limit=1)

    async def shows_newest(self, message_id: str, /) -> bool:
        newest = await self.store.answers(conversation=self.place.key, limit=1)
        return any(message_id in answer.messages for answer in newest)

    async def _question(self, message_id: str) -> StoredAnswer | None:
        keys = [there.key for there in self.place.holding(message_id)]
        if self.place.key.thread == message_id:  # the message that the thread hangs on
            keys.append(replace(self.place.key, thread=""))
        for key in keys:
            if found := await self.store.find_question(key, message_id):
                return found
        return None
