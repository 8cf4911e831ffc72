"""A deleted question leaves no message that only says that an answer is on its way."""

import asyncio

import pytest

from bot.clock import SystemClock
from bot.errors import ShuttingDown
from bot.ports import SurfaceLimits
from tests.bot.engine.test_engine import GENERAL, POEM, bench
from tests.fake_surface import FakeSurface, at
from tests.scripted_generator import ScriptedGenerator
from tests.until import until


async def test_a_placeholder_goes_although_text_was_generated_that_nobody_saw_yet() -> None:
    generator = ScriptedGenerator(lambda _: POEM, paced=True)
    one_call = SurfaceLimits(1900, edits_per_second=0.001, burst=1)
    surface = FakeSurface(SystemClock(), one_call)
    async with bench(generator) as b:
        job = await b.ask("secret", surface=surface)
        await until(lambda: surface.visible)
        generator.let(5)
        await until(lambda: generator.steps == 5)
        assert "word" not in surface.joined()
        assert await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        await job.ended()
        await until(lambda: not surface.visible)


async def test_a_post_under_way_at_a_shutdown_goes_with_its_deleted_question() -> None:
    surface = FakeSurface(SystemClock(), latency=0.2)
    async with bench() as b:
        await b.ask("secret", surface=surface)
        await until(lambda: surface._busy)
        leaving = asyncio.create_task(b.engine.leave("test"))
        await asyncio.sleep(0)
        assert await b.engine.question_deleted(GENERAL, "message 1", at(surface))
        await leaving
        await until(lambda: surface.calls and not surface.visible)


async def test_a_question_that_is_deleted_after_the_end_of_the_engine_stays_stored() -> None:
    async with bench() as b:
        await b.answer("one")
    with pytest.raises(ShuttingDown):
        await b.engine.question_deleted(GENERAL, "message 1", at(b.surfaces[1]))
    assert await b.store.find_question(GENERAL, "message 1")
