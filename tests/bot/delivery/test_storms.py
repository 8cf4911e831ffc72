"""Random answers with random refusals, lost responses and crashes."""

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.delivery import PLACEHOLDER, Delivery
from bot.errors import SurfaceBusy
from bot.ports import AnswerState, SurfaceLimits
from tests.bot.delivery.markdown_texts import TEXTS, chunks, split
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.fake_surface import FakeSurface, utf16_units
from tests.limits import examples
from tests.virtual_clock import VirtualClock


async def survive(text: str, max_units: int, dice: Random) -> FakeSurface:
    """Deliver `text` with refusals, lost responses and crashes; what is seen afterwards."""
    clock, ledger = VirtualClock(), RecordingLedger()
    limits = SurfaceLimits(max_units, utf16_units, edits_per_second=2.0, burst=3)
    surface = FakeSurface(clock, limits, latency=dice.choice([0.0, 0.2, 1.5]))
    pieces, saved, state = chunks(text, dice), "", AnswerState.QUEUED
    while True:
        delivery = Delivery(clock, ledger, edit_interval=dice.choice([0.0, 0.5]))
        answer = stored(text=saved, messages=ledger.messages(), state=state)
        async with delivery.open(answer, surface) as live:
            live.place(dice.randrange(3))
            crashes_at = dice.choice([*range(len(pieces)), len(pieces)]) if pieces else 0
            for piece in pieces[:crashes_at]:
                live.write(piece)
                await clock.sleep(dice.choice([0.0, 0.05, 0.4]))
                if dice.random() < 0.2:
                    busy = SurfaceBusy("429", retry_after=dice.choice([0.0, 0.5, 5.0]))
                    surface.fail(busy, takes_effect=dice.random() < 0.5)
            if crashes_at == len(pieces):
                await live.finish(AnswerState.DONE)
                return surface
        kept = dice.randint(0, crashes_at)  # the last checkpoint
        saved, pieces = saved + "".join(pieces[:kept]), pieces[kept:]
        state = AnswerState.WRITING if saved else dice.choice([state, AnswerState.WRITING])


@settings(max_examples=examples(60))
@given(TEXTS, st.sampled_from([40, 100, 1000]), st.randoms(use_true_random=False))
def test_the_answer_is_seen_whole_once_and_in_order(
    text: str, max_units: int, dice: Random
) -> None:
    surface = asyncio.run(survive(text, max_units, dice))
    whole = [piece.text for piece in split(text, max_units, utf16_units)]
    assert surface.texts == ([t for t in whole if t] or [PLACEHOLDER])
    assert [part.state for part in surface.visible if part.last] == [AnswerState.DONE]
    assert surface.visible[-1].last
