"""Whatever the platform refuses, the end of an answer is shown."""

import random
from collections.abc import Collection

import pytest

from bot.delivery.answer_messages import RETRIES
from bot.errors import SurfaceBusy, SurfaceError
from bot.messages import Thought
from bot.ports import AnswerState, Form, Part
from tests.bot.delivery.recording_ledger import stored
from tests.bot.delivery.world import STORY, World
from tests.fake_surface import Bucket, FakeSurface

# ---------------------------------------------------------------- a platform in a bad mood


async def test_the_end_is_shown_through_a_storm_of_refusals() -> None:
    world = World(max_units=700)
    dice = random.Random(5)
    async with world.delivery.open(stored(), world.surface) as live:
        for start in range(0, len(STORY), 8):
            live.write(STORY[start : start + 8])
            if start % 64 == 0:
                busy = SurfaceBusy("429", retry_after=dice.choice([0.0, 0.3, 2.0, 20.0]))
                world.surface.fail(busy, takes_effect=dice.random() < 0.4)
            await world.clock.sleep(0.1)
        await live.finish(AnswerState.DONE)
    world.assert_shows(STORY)
    assert world.bucket.refused == 0


async def test_after_a_refusal_no_call_is_made_too_early() -> None:
    world = World()
    world.surface.fail(SurfaceBusy("429", retry_after=17.0), kind="edit")
    await world.show(STORY[:1500])
    refused = next(call for call in world.surface.calls if call.done is None)
    following = world.surface.calls[world.surface.calls.index(refused) + 1]
    assert following.begun >= refused.begun + 17.0


async def test_a_post_whose_response_was_lost_is_not_posted_twice() -> None:
    world = World()
    lost = SurfaceBusy("connection reset", retry_after=1.0)
    for _ in range(3):
        world.surface.fail(lost, kind="send", takes_effect=True)
    await world.show(STORY[:900])
    world.assert_shows(STORY[:900])
    assert len(world.surface.messages) == 1


async def test_a_lost_response_to_a_whole_answer_does_not_leave_it_old() -> None:
    """The second attempt finds the first one's message, which shows what was known then."""
    world = World()
    world.surface.fail(SurfaceBusy("lost", retry_after=1.0), kind="send", takes_effect=True)
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(3)
        await world.clock.sleep(0.5)
        live.write("Short.")
        await live.finish(AnswerState.DONE)
    world.assert_shows("Short.")


async def test_a_lost_response_to_a_later_message_does_not_leave_it_old() -> None:
    world = World(max_units=200)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:150])
        lost = SurfaceBusy("lost", retry_after=30.0)
        world.surface.fail(lost, kind="send", takes_effect=True)
        await world.write(live, STORY[150:300])
        await live.finish(AnswerState.DONE)
    assert len(world.surface.texts) == 2
    world.assert_shows(STORY[:300])


async def test_a_message_whose_post_got_no_response_goes_where_the_text_began_anew() -> None:
    """What was shown proved to be a thought, and the answer is shorter: the second message, of
    which nobody knows whether it was posted, is found and deleted."""
    world = World(max_units=200)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:150])
        lost = SurfaceBusy("lost", retry_after=30.0)
        world.surface.fail(lost, kind="send", takes_effect=True)
        await world.write(live, STORY[150:300])
        assert len(world.surface.texts) == 2
        live.think(Thought(STORY[:300], whole=True))
        await world.write(live, "Short.")
        await live.finish(AnswerState.DONE)
    world.assert_shows("Short.")
    assert len(world.surface.texts) == 1


async def test_a_lost_response_to_an_edit_is_not_relied_upon() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(2)
        await world.clock.sleep(5.0)
        world.surface.fail(SurfaceBusy("lost", retry_after=5.0), takes_effect=True)
        live.place(1)
        await world.clock.sleep(3.0)
        live.place(2)
        await world.clock.sleep(10.0)
    assert world.surface.visible[0].note.startswith("Two")


async def test_slow_calls_do_not_overlap_and_miss_nothing() -> None:
    world = World(latency=7.0, max_units=400)
    await world.show(STORY[:1500])
    world.assert_shows(STORY[:1500])


async def test_a_limit_lower_than_declared_is_found_out() -> None:
    world = World(rate=2.0, burst=5)
    strict = FakeSurface(
        world.clock, world.surface.limits, bucket=Bucket(world.clock, 0.5, 1), latency=0.1
    )
    await world.show(STORY, surface=strict)
    world.assert_shows(STORY, strict)
    failed = [call for call in strict.calls if call.done is None]
    assert len(failed) < len(strict.calls) / 2


async def test_a_platform_that_stays_busy_is_given_up_in_the_end() -> None:
    world = World(patience=600.0)
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("Hello")
        for _ in range(1000):
            world.surface.fail(SurfaceBusy("maintenance", retry_after=5.0))
        with pytest.raises(SurfaceError, match="600 s"):
            await live.finish(AnswerState.DONE)
    assert world.clock.monotonic() < 700.0


async def test_a_place_that_refuses_everything_is_told_at_the_end_and_stops_nothing() -> None:
    world = World()
    for _ in range(100):
        world.surface.fail(SurfaceError("not_in_channel"), kind="send")
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("Hello")
        with pytest.raises(SurfaceError, match="not_in_channel"):
            await live.finish(AnswerState.DONE)
        assert not live.gone.is_set()
    assert world.surface.calls[-1].done is None
    assert len(world.surface.calls) <= 3 * (RETRIES + 1)


@pytest.mark.parametrize("at", [1, 3, 9])
async def test_one_refused_edit_is_made_again_and_nothing_is_lost(at: int) -> None:
    world = World(max_units=500)
    for _ in range(at):
        world.surface.fail(None, kind="edit")
    world.surface.fail(SurfaceError("HTTP 403 of a proxy"), kind="edit")
    await world.show(STORY)
    world.assert_shows(STORY)
    assert {call.part.form for call in world.surface.calls if call.part} == {Form.FULL}


async def test_a_message_that_is_refused_with_buttons_comes_without() -> None:
    world = World(max_units=500)
    world.surface.refuse = lambda part: part.form is Form.FULL and part.last
    await world.show(STORY)
    world.assert_shows(STORY)


async def test_a_message_that_is_refused_in_every_other_form_comes_as_plain_text() -> None:
    world = World(max_units=500)
    world.surface.refuse = lambda part: part.form is not Form.PLAIN
    await world.show(STORY)
    world.assert_shows(STORY)


async def test_a_message_that_cannot_be_edited_any_more_is_followed_by_a_new_one() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("Hello")
        await world.clock.sleep(5.0)
        stuck = world.surface.messages["m1"].part
        world.surface.refuse = lambda part: part.index == 0 and not part.attempt
        live.write(" and goodbye")
        await live.finish(AnswerState.DONE)
    assert world.surface.messages["m1"].part is stuck
    newest = list(world.surface.messages.values())[-1].part
    assert newest.text == "Hello and goodbye"
    assert world.ledger.known[7, 0] == "m2"


async def test_a_file_that_is_refused_spoils_nothing() -> None:
    world = World(max_units=200, max_messages=2)
    world.surface.fail(SurfaceError("no files here"), kind="attach")
    await world.show(STORY[:900])
    world.assert_shows(STORY[:900])


async def test_a_defect_of_a_surface_ends_the_answer_and_not_the_bot() -> None:
    class Broken(FakeSurface):
        async def send(self, part: Part) -> str:
            raise ZeroDivisionError

    world = World()
    async with world.delivery.open(stored(), Broken(world.clock)) as live:
        live.write("Hello")
        with pytest.raises(SurfaceError, match="ZeroDivisionError"):
            await live.finish(AnswerState.DONE)


async def test_a_message_that_nothing_could_replace_stays_known() -> None:
    """A channel that refuses everything for a while, as one that the bot may not see."""
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("Hello")
        await world.clock.sleep(5.0)
        world.surface.refuse = lambda _: True
        with pytest.raises(SurfaceError):
            await live.finish(AnswerState.DONE)
    assert world.ledger.known == {(7, 0): "m1"}
    world.surface.refuse = lambda _: False
    again = stored(text="Hello", messages=("m1",), state=AnswerState.DONE)
    async with world.restarted().open(again, world.surface, resumed=True) as live:
        await live.finish(AnswerState.DONE)
    world.assert_shows("Hello")


class ByButtons(FakeSurface):
    """Finds any message of the answer, as platforms do by its buttons."""

    async def find(self, part: Part, known: Collection[str]) -> str | None:
        return next((ref for ref in self.messages if ref not in known), None)


async def frozen(refuses_removal: int = 0) -> World:
    """An interrupted run's message that cannot be edited any more, and the end of its answer."""
    world = World()
    world.surface = surface = ByButtons(world.clock)
    await surface.send(Part(7, 0, "Frozen", AnswerState.WRITING, last=True))
    surface.refuse = lambda part: part.attempt == 0
    for _ in range(refuses_removal):
        surface.fail(SurfaceError("not allowed"), kind="remove")
    answer = stored(text="Text", messages=("m1",), state=AnswerState.DONE)
    async with world.restarted().open(answer, surface, resumed=True) as live:
        await live.finish(AnswerState.DONE)
    return world


async def test_a_message_that_cannot_be_edited_is_not_taken_for_the_one_in_its_place() -> None:
    """It bears the same buttons, and was of a run that was interrupted. It is deleted then."""
    world = await frozen()
    assert world.surface.texts == ["Text"]
    assert world.ledger.messages() == ("m2",)


async def test_a_message_that_can_be_neither_edited_nor_deleted_stays() -> None:
    world = await frozen(refuses_removal=1)
    assert world.surface.texts == ["Frozen", "Text"]
    assert world.ledger.messages() == ("m2",)


async def test_a_message_that_cannot_be_edited_goes_where_another_answer_takes_over() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(1.0)
        world.surface.refuse = lambda part: part.attempt == 0
        lost = SurfaceBusy("no response", retry_after=50.0)
        live.write("Some words.")
        await world.clock.sleep(20.0)
        world.surface.fail(lost, kind="send", takes_effect=True)
        await world.clock.sleep(20.0)
        await live.hand_over()
        assert live.messages == ("m2",)
    assert [part.attempt for part in world.surface.visible] == [1]
