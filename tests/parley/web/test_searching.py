"""A search whose time is bounded."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from bot.measures import Found, ReadExchange
from bot.messages import ConversationKey
from parley.web.searching import MOST, PAGE, SECONDS, STEP, search
from tests.virtual_clock import VirtualClock

HERE = ConversationKey("discord", "1", workspace="g")
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Questions:
    """A store of `stored` questions, of which each `every`th is found; a step takes `seconds`."""

    clock: VirtualClock
    stored: int = 100_000
    every: int = 0
    seconds: float = 0.0
    looked: list[tuple[int | None, int]] = field(default_factory=list)

    async def search(
        self, text: str, *, before: int | None = None, examined: int = 20_000, limit: int = 50
    ) -> Found:
        del text
        self.looked.append((before, examined))
        await self.clock.sleep(self.seconds)
        newest = self.stored if before is None else before - 1
        oldest = max(newest - examined + 1, 1)
        held = [n for n in range(newest, oldest - 1, -1) if self.every and n % self.every == 0]
        found = [_exchange(n) for n in held[:limit]]
        if len(found) == limit:
            return Found(found, found[-1].question_id, NOW)
        return Found(found, oldest, NOW) if oldest > 1 else Found(found)


def _exchange(number: int) -> ReadExchange:
    return ReadExchange(number, HERE, "discord:1", "Ann", NOW, "?", "done", "!", False, ())


async def test_it_looks_at_so_many_questions_where_it_finds_nothing() -> None:
    clock = VirtualClock()
    store = Questions(clock)
    found = await search(store, clock, "word", None)
    assert [examined for _, examined in store.looked] == [STEP] * (MOST // STEP)
    assert (found.exchanges, found.older, found.back_to) == ([], 100_000 - MOST + 1, NOW)
    again = await search(store, clock, "word", found.older)
    assert again.older == 100_000 - 2 * MOST + 1, "it goes on where it ended, and skips nothing"


async def test_no_step_is_begun_after_its_time() -> None:
    clock = VirtualClock()
    store = Questions(clock, seconds=SECONDS / 2.5)
    found = await search(store, clock, "word", None)
    assert (len(store.looked), found.older) == (3, 100_000 - 3 * STEP + 1)


async def test_a_page_is_filled_over_several_steps_and_no_fuller() -> None:
    clock = VirtualClock()
    store = Questions(clock, every=STEP // 10)
    found = await search(store, clock, "word", None)
    numbers = [one.question_id for one in found.exchanges]
    assert numbers == [100_000 - n * STEP // 10 for n in range(PAGE)]
    assert (len(store.looked), found.older) == (3, numbers[-1])


async def test_everything_was_looked_at_where_little_is_stored() -> None:
    clock = VirtualClock()
    found = await search(Questions(clock, stored=30, every=10), clock, "word", None)
    assert [one.question_id for one in found.exchanges] == [30, 20, 10]
    assert (found.older, found.back_to) == (None, None)
