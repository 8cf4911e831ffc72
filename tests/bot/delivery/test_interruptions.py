"""Deleted messages, shutdowns, crashes and resumed answers."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from bot.errors import MessageGone
from bot.ports import AnswerState, Part
from tests.bot.delivery.markdown_texts import split
from tests.bot.delivery.recording_ledger import stored
from tests.bot.delivery.world import STORY, World
from tests.fake_surface import FakeSurface

# ---------------------------------------------------------------- deleted messages


async def test_a_deleted_message_stops_the_answer_quietly() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:400])
        assert not live.gone.is_set()
        world.surface.delete("m1")
        await world.write(live, STORY[400:600])
        assert live.gone.is_set()
        calls = len(world.surface.calls)
        await live.finish(AnswerState.STOPPED)
    assert len(world.surface.calls) == calls
    assert world.surface.visible == []


async def test_a_deleted_queue_message_takes_the_question_back() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(3)
        await world.clock.sleep(2.0)
        world.surface.delete("m1")
        live.place(2)
        await live.gone.wait()


async def test_deleting_the_last_of_several_messages_stops_the_answer() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:700])
        assert len(world.surface.messages) == 2
        world.surface.delete("m2")
        await world.write(live, STORY[700:800])
        assert live.gone.is_set()
        await live.finish(AnswerState.STOPPED)
    assert len(world.surface.messages) == 2


async def test_a_deleted_earlier_message_does_not_matter() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:1300])
        world.surface.delete("m1")
        await world.write(live, STORY[1300:])
        await live.finish(AnswerState.DONE)
    assert not live.gone.is_set()
    assert world.surface.texts == [piece.text for piece in split(STORY, 500)][1:]


# ---------------------------------------------------------------- ends of the process


async def test_an_abandoned_answer_is_left_as_it_is() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:400])
        await live.abandon()
        await live.abandon()
        calls = len(world.surface.calls)
        await world.clock.sleep(10.0)
    assert len(world.surface.calls) == calls
    assert world.surface.visible[0].state is AnswerState.WRITING


async def test_a_post_under_way_is_known_even_if_all_is_cancelled() -> None:
    world = World(latency=2.0)

    async def answer() -> None:
        async with world.delivery.open(stored(), world.surface) as live:
            live.place(0)
            await world.clock.sleep(3600.0)

    task = asyncio.create_task(answer())
    await world.clock.sleep(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert world.ledger.messages() == ("m1",)


async def test_a_post_under_way_is_known_even_if_its_answer_is_left_twice() -> None:
    """As when an edit comes and then the shutdown."""
    world = World(latency=2.0)
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(1.0)
        leaving = asyncio.create_task(live.abandon())
        await world.clock.sleep(0.1)
        leaving.cancel()
    assert world.ledger.messages() == ("m1",)


async def test_a_call_that_hangs_does_not_hold_up_the_shutdown() -> None:
    world = World(latency=1000.0)
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("Hello")
        await world.clock.sleep(1.0)
        await live.abandon()
        assert world.clock.monotonic() < 10.0


@pytest.mark.parametrize("written", [300, 900, 1300, 2200])
async def test_an_answer_goes_on_in_its_messages_after_a_restart(written: int) -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:written])
    messages, world.delivery = world.ledger.messages(), world.restarted()
    saved = STORY[: written - 100]  # the last checkpoint
    again = stored(text=saved, messages=messages, state=AnswerState.WRITING)
    await world.show(STORY[len(saved) :], again)
    world.assert_shows(STORY)


async def test_another_ending_after_a_restart_replaces_what_was_shown() -> None:
    """The model need not say again what it had said since the last checkpoint."""
    world = World(max_units=300)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:1200])
    messages = world.ledger.messages()
    assert len(messages) >= 3
    again = stored(text=STORY[:350], messages=messages, state=AnswerState.WRITING)
    await world.show("And that is all.", again)
    world.assert_shows(STORY[:350] + "And that is all.")
    world.assert_shows(STORY[:350] + "And that is all.")
    assert world.ledger.messages()[2:] == ("",) * (len(messages) - 2)


@pytest.mark.parametrize("remembers_keys", [True, False])
async def test_a_crash_between_posting_and_recording(remembers_keys: bool) -> None:
    world = World()
    world.surface = world.another(remembers_keys=remembers_keys)
    world.ledger.failures = 1000
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(2)
        await world.clock.sleep(2.0)
    assert world.ledger.known == {}
    world.ledger.failures = 0
    async with world.restarted().open(stored(), world.surface) as live:
        live.write("Short.")
        await live.finish(AnswerState.DONE)
    assert world.surface.texts[-1] == "Short."
    assert world.surface.visible[-1].state is AnswerState.DONE
    assert len(world.surface.messages) == (1 if remembers_keys else 2)


async def test_a_ledger_that_fails_for_a_while_is_told_later() -> None:
    world = World(max_units=500)
    world.ledger.failures = 5
    await world.show(STORY)
    world.assert_shows(STORY)
    assert world.ledger.messages() == tuple(world.surface.messages)


async def test_the_end_alone_can_be_shown() -> None:
    """The whole text was recorded, and Parley went down before its end was shown."""
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:1200])
    done = stored(text=STORY, messages=world.ledger.messages(), state=AnswerState.DONE)
    async with world.restarted().open(done, world.surface) as live:
        await live.finish(AnswerState.DONE)
    world.assert_shows(STORY)


async def test_parts_that_are_known_to_be_shown_cost_no_call() -> None:
    world = World(max_units=500)
    await world.show(STORY, state=AnswerState.CUT)
    calls = len(world.surface.calls)
    again = stored(text=STORY, messages=world.ledger.messages(), settled=world.ledger.settled[7])
    async with world.restarted().open(again, world.surface) as live:
        live.place(0)
        await world.clock.sleep(2.0)
        live.write("The end.")
        await live.finish(AnswerState.DONE)
    world.assert_shows(STORY + "The end.")
    assert len(world.surface.calls) - calls == 2


async def test_an_answer_done_anew_takes_over_the_messages() -> None:
    world = World(max_units=500)
    await world.show(STORY)
    messages = world.ledger.messages()
    await world.show("Another answer.", stored(8, messages=messages))
    world.assert_shows("Another answer.")
    await world.show(STORY, stored(9, messages=messages[:1]))
    world.assert_shows(STORY)


async def test_a_message_deleted_before_is_replaced_by_the_next_one() -> None:
    world = World(max_units=500)
    await world.show(STORY[:900])
    first, second, *_ = world.surface.messages
    world.surface.delete(first)
    await world.show("Another answer.", stored(8, messages=(first, second)))
    world.assert_shows("Another answer.")
    assert world.ledger.messages(8) == (second, "")


async def test_a_tail_deleted_before_is_posted_anew() -> None:
    world = World(max_units=500)
    await world.show(STORY[:900])
    first, second, *_ = world.surface.messages
    world.surface.delete(second)
    await world.show(STORY[:900], stored(8, messages=(first, second)))
    world.assert_shows(STORY[:900])


async def test_an_answer_whose_only_message_was_deleted_is_not_wanted() -> None:
    world = World()
    with contextlib.suppress(MessageGone):
        await world.surface.edit("m9", Part(7, 0, "x", AnswerState.DONE, True))
    await world.show("Hello", stored(text="Hel", messages=("m9",), state=AnswerState.WRITING))
    assert world.surface.visible == []


# ---------------------------------------------------------------- messages that were not recorded


async def test_a_message_that_was_not_recorded_is_removed_where_the_answer_ends_before_it() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:700])
    assert len(world.surface.messages) == 2
    again = stored(text=STORY[:300], messages=("m1",), state=AnswerState.WRITING)
    world.ledger.known = {(7, 0): "m1"}
    async with world.restarted().open(again, world.surface, resumed=True) as live:
        await live.finish(AnswerState.FAILED)
    assert [part.state for part in world.surface.visible] == [AnswerState.FAILED]
    assert world.ledger.messages() == ("m1",)


async def test_a_message_that_was_not_recorded_is_found_although_the_platform_forgot_its_key() -> (
    None
):
    """A platform remembers keys for some minutes; a history stays."""
    world = World(max_units=500)
    world.surface = world.another(remembers_keys=False)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:700])
    again = stored(text=STORY[:300], messages=("m1",), state=AnswerState.WRITING)
    async with world.restarted().open(again, world.surface, resumed=True) as live:
        await world.write(live, STORY[300:700])
        await live.finish(AnswerState.DONE)
    world.assert_shows(STORY[:700])
    assert world.ledger.messages() == ("m1", "m2")


async def test_an_answer_that_no_crash_interrupted_searches_nothing() -> None:
    world = World(max_units=500)
    await world.show(STORY)
    assert world.surface.searches == 0


async def test_the_messages_of_an_interrupted_answer_are_all_known_to_what_takes_them_over() -> (
    None
):
    """The unrecorded one would stay beside the answer to an edited question."""
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:700])
    again = stored(text=STORY[:300], messages=("m1",), state=AnswerState.WRITING)
    async with world.restarted().open(again, world.surface, resumed=True) as live:
        assert live.doubtful
        await live.hand_over()
        assert not live.doubtful
    assert [part.index for part in world.surface.visible] == [0]


async def test_no_message_is_posted_while_the_ledger_does_not_know_the_one_before() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:450])
        world.ledger.failures = 1000
        await world.write(live, STORY[450:700])
        assert len(world.surface.messages) == 2
        await world.write(live, STORY[700:1200])
        assert len(world.surface.messages) == 2
        world.ledger.failures = 0
        await live.finish(AnswerState.DONE)
    world.assert_shows(STORY[:1200])
    assert world.ledger.messages() == tuple(world.surface.messages)


async def test_a_ledger_that_fails_for_long_does_not_stop_the_answer() -> None:
    world = World(max_units=500)
    world.ledger.failures = 100_000
    await world.show(STORY)
    world.assert_shows(STORY)


# ---------------------------------------------------------------- messages found by their text


@pytest.mark.parametrize("saves", [True, False])
async def test_a_text_by_which_its_message_is_found_is_saved_before_it_is_posted(
    *, saves: bool
) -> None:
    world = World()
    limits = replace(world.surface.limits, found_by_text=True)
    surface = FakeSurface(world.clock, limits)
    posted_when_saving: list[int] = []

    async def save() -> bool:
        posted_when_saving.append(len(surface.messages))
        return saves

    async with world.delivery.open(stored(), surface, save=save) as live:
        live.write("Some words. ")
        await world.clock.sleep(1.0)
        live.write("More.")
        await live.finish(AnswerState.DONE)
    assert posted_when_saving == [0]
    assert [call.part.saved for call in surface.calls if call.kind == "send" and call.part] == [
        saves
    ]
    assert surface.texts == ["Some words. More."]


async def test_where_messages_are_found_otherwise_nothing_is_saved_for_them() -> None:
    world = World()

    async def save() -> bool:
        raise AssertionError("a commit that nobody needs")

    async with world.delivery.open(stored(), world.surface, save=save) as live:
        live.write("Some words.")
        await live.finish(AnswerState.DONE)
    world.assert_shows("Some words.")
