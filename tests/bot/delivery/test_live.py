"""Answers are shown completely, alone and many at once."""

import asyncio
import contextlib
from itertools import pairwise

import pytest

from bot.delivery import PLACEHOLDER, Delivery
from bot.errors import SurfaceBusy
from bot.ports import AnswerState, Part, SurfaceLimits
from tests.bot.delivery.markdown_texts import split
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.bot.delivery.world import STORY, World
from tests.fake_surface import Bucket, FakeSurface
from tests.virtual_clock import VirtualClock

# ---------------------------------------------------------------- all is well


async def test_an_answer_grows_in_one_message_and_ends_there() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(2)
        await world.clock.sleep(5.0)
        live.place(0)
        await world.clock.sleep(5.0)
        await world.write(live, STORY[:1500])
        await live.finish(AnswerState.DONE, "Done in 20 s.")
    (message,) = world.surface.messages.values()
    assert [part.state for part in message.history[:2]] == [AnswerState.QUEUED] * 2
    assert message.history[0].text == PLACEHOLDER
    assert message.history[0].note == "Two questions are before yours."
    growing = [part.text for part in message.history if part.state is AnswerState.WRITING]
    assert len(growing) > 10
    assert all(b.startswith(a) for a, b in pairwise(growing))
    assert message.part == Part(
        7, 0, STORY[:1500].rstrip(), AnswerState.DONE, True, "Done in 20 s."
    )
    assert world.ledger.known == {(7, 0): "m1"}
    assert world.bucket.refused == 0


async def test_a_long_answer_goes_on_in_further_messages() -> None:
    world = World(max_units=500)
    await world.show(STORY)
    world.assert_shows(STORY)
    assert "".join(world.surface.joined().split()) == "".join(STORY.split())
    assert world.ledger.messages() == tuple(world.surface.messages)
    assert world.bucket.refused == 0


async def test_closed_messages_are_not_edited_again() -> None:
    world = World(max_units=500)
    await world.show(STORY)
    for index, message in enumerate(world.surface.messages):
        posted = [c.begun for c in world.surface.calls if c.kind == "send"]
        edits = [c.begun for c in world.surface.calls if c.kind == "edit" and c.message == message]
        assert index + 1 == len(posted) or max(edits) < posted[index + 1]


async def test_what_is_sent_is_the_newest_text_when_it_is_sent() -> None:
    world = World(latency=0.0)
    async with world.delivery.open(stored(), world.surface) as live:
        for number in range(300):
            live.write(f"{number} ")
            await world.clock.sleep(0.1)
        await live.finish(AnswerState.DONE)
    for call in world.surface.calls[:-1]:
        assert call.part is not None
        assert int(call.part.text.split()[-1]) >= int(call.begun * 10 + 1e-6) - 1


async def test_edits_of_a_message_keep_their_distance() -> None:
    world = World(rate=100.0, burst=100, latency=0.0)
    await world.show(STORY[:400])
    moments = [call.begun for call in world.surface.calls[:-1]]
    assert len(moments) > 5
    assert all(b - a >= 0.5 - 1e-9 for a, b in pairwise(moments))


async def test_the_end_does_not_wait_for_the_next_edit() -> None:
    world = World(rate=0.1, burst=5, latency=0.0)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:200])
        ended = world.clock.monotonic()
        await live.finish(AnswerState.DONE)
    assert world.clock.monotonic() == ended


async def test_first_text_comes_early() -> None:
    world = World()
    await world.show(STORY[:1500])
    assert world.surface.calls[0].begun <= 0.3


async def test_an_answer_in_many_messages_comes_as_a_file_too() -> None:
    world = World(max_units=200, max_messages=3)
    await world.show(STORY)
    assert world.surface.files == [("answer.md", STORY)]
    short = World(max_units=200, max_messages=3)
    await short.show(STORY[:300])
    assert short.surface.files == []


async def test_a_place_that_takes_no_files_gets_the_messages() -> None:
    world = World(max_units=200, max_messages=3)
    world.surface = world.another(takes_files=False)
    await world.show(STORY)
    world.assert_shows(STORY)


async def test_an_answer_that_says_nothing_still_ends() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await live.finish(AnswerState.STOPPED, "Stopped.")
    assert world.surface.visible == [Part(7, 0, PLACEHOLDER, AnswerState.STOPPED, True, "Stopped.")]


async def test_unfinished_text_is_shown_when_the_model_stalls() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("It is **impor")
        await world.clock.sleep(3.0)
        assert world.surface.texts == ["It is"]
        await world.clock.sleep(10.0)
        assert world.surface.texts == ["It is **impor"]


async def test_writing_never_waits_and_text_knows_all() -> None:
    world = World(latency=50.0)
    async with world.delivery.open(stored(text="So far"), world.surface) as live:
        for _ in range(1000):
            live.write(" more")
        live.write("")
        assert live.text == "So far" + " more" * 1000
        assert world.clock.monotonic() == 0.0


async def test_a_finished_answer_cannot_grow() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("all")
        await live.finish(AnswerState.DONE)
        with pytest.raises(RuntimeError, match="finished"):
            live.write("more")


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    world = World()
    with pytest.raises(KeyError, match="mine"):
        async with world.delivery.open(stored(), world.surface):
            raise KeyError("mine")


# ---------------------------------------------------------------- many at once


async def test_forty_answers_in_ten_channels_all_end_whole() -> None:
    clock, ledger = VirtualClock(start=0.0), RecordingLedger()
    delivery = Delivery(clock, ledger)
    surfaces = []
    for channel in range(10):
        limits = SurfaceLimits(1900, budget=f"channel {channel}", burst=5)
        bucket = Bucket(clock, 1.0, 5)
        surfaces += [FakeSurface(clock, limits, bucket=bucket, latency=0.2) for _ in range(4)]

    async def answer(number: int) -> None:
        async with delivery.open(stored(number), surfaces[number]) as live:
            live.place(0)
            for start in range(0, len(STORY), 4):
                live.write(STORY[start : start + 4])
                await clock.sleep(0.1)
            await live.finish(AnswerState.DONE)

    async with asyncio.TaskGroup() as tasks:
        for number in range(40):
            tasks.create_task(answer(number))
    whole = [piece.text for piece in split(STORY, 1900)]
    assert all(surface.texts == whole for surface in surfaces)
    assert sum(surface.bucket.refused for surface in surfaces) == 0


async def test_thirty_answers_share_a_slow_workspace_fairly() -> None:
    world = World(rate=0.83, burst=3, max_units=3900)
    surfaces = [world.another() for _ in range(30)]
    text = STORY[:1900]

    async def answer(number: int) -> None:
        async with world.delivery.open(stored(number), surfaces[number]) as live:
            await world.write(live, text, speed=10.0)
            await live.finish(AnswerState.DONE)

    async with asyncio.TaskGroup() as tasks:
        for number in range(30):
            tasks.create_task(answer(number))
    assert all(surface.texts == [text.rstrip()] for surface in surfaces)
    assert world.bucket.refused == 0
    calls = [len(surface.calls) for surface in surfaces]
    assert max(calls) - min(calls) <= 1
    first = [surface.calls[0].done for surface in surfaces]
    assert max(moment or 0.0 for moment in first) < 30 / 0.83 + 2.0
    used = sum(calls) / (world.clock.monotonic() * 0.83)
    assert used > 0.98


# ---------------------------------------------------------------- limits that are known


async def test_new_messages_need_not_wait_for_the_limit_of_the_edits() -> None:
    async def shown(posts_burst: int) -> list[float]:
        clock = VirtualClock(start=0.0)
        limits = SurfaceLimits(
            1900, budget="channel", edits_per_second=0.1, burst=1, posts_burst=posts_burst
        )
        surface = FakeSurface(clock, limits, bucket=Bucket(clock, 100.0, 100))
        delivery = Delivery(clock, RecordingLedger())
        async with contextlib.AsyncExitStack() as stack:
            for number in range(3):
                live = await stack.enter_async_context(delivery.open(stored(number), surface))
                live.place(number)
            await clock.sleep(60.0)
        return [call.begun for call in surface.calls if call.kind == "send"]

    assert max(await shown(posts_burst=3)) < 5.0
    assert max(await shown(posts_burst=0)) >= 20.0


async def test_a_limit_that_was_foreseen_does_not_slow_the_answer_down() -> None:
    async def last_edits(foreseen: bool) -> float:
        world = World(burst=1)
        busy = SurfaceBusy("used up", retry_after=0.5, foreseen=foreseen)
        for _ in range(3):
            world.surface.fail(busy, kind="edit")
        await world.show(STORY[:1500])
        world.assert_shows(STORY[:1500])
        begun = [call.begun for call in world.surface.calls if call.done is not None]
        return begun[-2] - begun[-3]

    assert await last_edits(foreseen=True) == pytest.approx(1.0, abs=0.05)
    assert await last_edits(foreseen=False) > 1.2
