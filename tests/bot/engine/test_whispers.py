"""Whoever asked is told of an answer that the platform refuses to show."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from bot.delivery import Delivery
from bot.engine import Engine
from bot.engine.runner import NOT_SHOWN, WHISPER_PAUSES
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from storage.in_memory import MemoryStore
from tests.bot.engine.test_engine import GENERAL, Bench, options
from tests.fake_surface import FakeSurface, at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until
from tests.virtual_clock import VirtualClock

BUSY = SurfaceBusy("too many", retry_after=30.0)


@asynccontextmanager
async def refused(
    *failures: SurfaceError,
) -> AsyncIterator[tuple[Bench, FakeSurface, VirtualClock]]:
    """An engine in virtual time, and a place that refuses every message; `failures` are those of
    the first private words."""
    clock, store, generator = VirtualClock(), MemoryStore(), ScriptedGenerator()
    surface = FakeSurface(clock)
    surface.refuse = lambda _: True
    for failure in failures:
        surface.fail(failure, kind="whisper")
    async with Engine(generator, store, Delivery(clock, store), clock, options()) as engine:
        yield Bench(generator, store, engine), surface, clock


async def test_the_asker_is_told_once_the_platform_has_time() -> None:
    async with refused(BUSY, BUSY) as (b, surface, clock):
        job = await b.ask("one", surface=surface)
        begun = clock.monotonic()
        await job.ended()
        assert surface.whispered == [NOT_SHOWN]
        assert clock.monotonic() - begun >= 60.0


@pytest.mark.parametrize("failure", [BUSY, SurfaceError("no direct messages")])
async def test_it_is_given_up_after_some_attempts(failure: SurfaceError) -> None:
    async with refused(*[failure] * 20) as (b, surface, clock):
        job = await b.ask("one", surface=surface)
        begun = clock.monotonic()
        await job.ended()
        assert [call.kind for call in surface.calls].count("whisper") == len(WHISPER_PAUSES) + 1
        # Between two attempts; after the last one nothing is waited for.
        pauses = WHISPER_PAUSES if failure is not BUSY else [BUSY.retry_after] * 4
        assert sum(pauses) <= clock.monotonic() - begun < sum(pauses) + BUSY.retry_after
        assert surface.whispered == []


async def test_a_refusal_may_be_for_a_moment() -> None:
    async with refused(SurfaceError("no direct messages")) as (b, surface, _):
        await (await b.ask("one", surface=surface)).ended()
        assert surface.whispered == [NOT_SHOWN]


async def test_an_account_that_does_not_exist_any_more_is_not_told() -> None:
    async with refused(MessageGone("unknown user")) as (b, surface, _):
        await (await b.ask("one", surface=surface)).ended()
        assert [call.kind for call in surface.calls].count("whisper") == 1


async def test_an_edit_does_not_wait_for_it() -> None:
    async with refused(SurfaceBusy("too many", retry_after=100_000.0)) as (b, surface, clock):
        await b.ask("one", surface=surface)
        await until(lambda: "whisper" in [call.kind for call in surface.calls])
        begun = clock.monotonic()
        surface.refuse = lambda _: False
        assert await b.engine.question_edited(GENERAL, "message 1", "two", at(surface))
        await b.engine.finish()
        assert clock.monotonic() - begun < 100.0
        assert "two" in surface.joined()
        assert surface.whispered == []
