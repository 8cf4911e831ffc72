"""A deleted question leaves no message that only says that an answer is on its way."""

from bot.clock import SystemClock
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
