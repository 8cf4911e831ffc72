"""One reading of the history serves a page and its pictures, for some seconds."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.measures import Bucket, Measure, Series
from parley.web.periods import Group, Period
from parley.web.plots import FRESH, Plots
from storage.in_memory import MemoryStore
from tests.virtual_clock import VirtualClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Counting(MemoryStore):
    """Counts how often the buckets are read."""

    reads = 0

    async def buckets(self, *args: Any, **kwargs: Any) -> list[Bucket]:
        self.reads += 1
        return await super().buckets(*args, **kwargs)


async def a_store(measures: Sequence[Measure]) -> Counting:
    store = Counting()
    await store.add_measures(NOON, measures)
    return store


async def test_a_page_and_its_pictures_read_the_history_once() -> None:
    store = await a_store([Measure(Series.QUESTIONS, "discord", "demo")])
    clock = VirtualClock()
    kept = Plots(clock, lambda: NOON)
    found = await kept.of(store, Period.DAY, Group.NOTHING)
    pictures = [await kept.picture(store, Period.DAY, Group.NOTHING, one.key) for one in found]
    assert (len(pictures), store.reads) == (6, 1)
    assert all(picture.startswith(b"<svg") for picture in pictures)
    await kept.of(store, Period.DAY, Group.MODEL)
    assert store.reads == 2
    await clock.sleep(FRESH)
    await kept.of(store, Period.DAY, Group.NOTHING)
    assert store.reads == 3


async def test_what_is_no_plot_has_no_picture() -> None:
    kept = Plots(VirtualClock(), lambda: NOON)
    assert await kept.picture(await a_store([]), Period.DAY, Group.NOTHING, "secrets") == b""


async def test_names_of_models_cannot_break_a_picture() -> None:
    nasty = "</svg><script>alert(1)</script>\x00\x1b[2J"
    store = await a_store([Measure(Series.QUESTIONS, "discord", nasty)])
    kept = Plots(VirtualClock(), lambda: NOON)
    picture = await kept.picture(store, Period.DAY, Group.MODEL, "questions")
    assert b"<script" not in picture
    assert b"\x00" not in picture
    assert b"\x1b" not in picture
