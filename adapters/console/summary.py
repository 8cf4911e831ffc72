"""`/summarize` in the terminal: sums up the conversation itself."""

import asyncio
from datetime import datetime

from adapters.common.since import Since
from bot.engine import Engine
from bot.engine.summaries import Summary
from bot.engine.transcript import Spoken, Transcript
from bot.errors import NothingToDo
from bot.messages import ConversationKey, Person
from bot.ports import QuestionStore, Store, StoredExchange

MOST_EXCHANGES = 500
"""The newest are summed up."""
PAGE = 50


async def summarize_conversation(
    engine: Engine, store: Store, where: ConversationKey, person: Person, since: Since
) -> Summary:
    """The summary of this conversation since then, and since its last reset; it is stored nowhere.
    Cancelled, it is stopped. Raises Refusal, StorageError and GenerationError."""
    for left in await store.pending_summaries(where.platform):  # by a killed process
        await store.end_summary(left.id)
    ended: asyncio.Future[Summary] = asyncio.get_running_loop().create_future()

    async def deliver(summary: Summary) -> None:
        if not ended.done():
            ended.set_result(summary)

    said = await _said(store, where, since.moment)
    if not said.spoken:
        raise NothingToDo("There is nothing to sum up here.")
    await engine.summaries.begin(where, person, said, deliver)
    try:
        return await ended
    finally:
        engine.summaries.stop(person=person.key)


async def _said(
    store: QuestionStore, where: ConversationKey, moment: datetime | None
) -> Transcript:
    found: list[StoredExchange] = []
    before: int | None = None
    while len(found) < MOST_EXCHANGES and (
        page := await store.exchanges(where, before=before, limit=PAGE)
    ):
        found += [one for one in page if moment is None or one.asked_at >= moment]
        before = page[-1].position
    spoken: list[Spoken] = []
    for one in reversed(found):
        texts = ((one.question.author.name, one.question.text), ("Parley", one.answer))
        spoken += [Spoken(name, text) for name, text in texts if text.strip()]
    return Transcript(tuple(spoken), older=len(found) >= MOST_EXCHANGES)
