"""How often the store is asked for a prompt: each time delays the first token."""

from typing import Any

from bot.engine.window import PAGE
from bot.messages import ConversationKey
from bot.ports import StoredExchange
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import bench


class Counting(MemoryStore):
    """Counts the pages of history that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.pages = 0

    async def exchanges(self, conversation: ConversationKey, **which: Any) -> list[StoredExchange]:
        self.pages += 1
        return await super().exchanges(conversation, **which)


async def test_a_short_history_is_read_once_and_an_empty_one_never() -> None:
    store = Counting()
    async with bench(store=store) as b:
        await b.answer("one")
        assert store.pages == 0
        await b.answer("two")
        await b.answer("three")
        assert store.pages == 2
    assert len(b.generator.prompts[-1].history) == 2


async def test_a_history_of_several_pages_is_read_to_its_end() -> None:
    store = Counting()
    async with bench(store=store) as b:
        for _ in range(PAGE + 1):
            await b.answer("x")
        assert store.pages == PAGE + 1  # one each but for the first prompt, and two for the last
        await b.answer("last")
    assert len(b.generator.prompts[-1].history) == PAGE + 1
