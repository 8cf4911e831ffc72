"""An answer reaches its messages whole, once, in order, whatever the platform does."""

import asyncio
import contextlib
import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from bot.delivery import PLACEHOLDER, Delivery, LiveAnswer
from bot.delivery.splitting import split
from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.ports import AnswerState, Part, Phase, StoredAnswer, SurfaceLimits
from tests.bot.delivery.recording_ledger import RecordingLedger, stored
from tests.fake_surface import Bucket, FakeSurface
from tests.virtual_clock import VirtualClock

STORY = "".join(
    f"Paragraph {n} says **this** and `that`, and then goes on for a while.\n\n"
    + (f"```python\nprint({n})\n```\n\n" if n % 4 == 3 else "")
    for n in range(30)
)


@dataclass
class World:
    """A clock, a channel, a ledger and the delivery that joins them."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(start=0.0))
    ledger: RecordingLedger = field(default_factory=RecordingLedger)
    max_units: int = 1900
    rate: float = 1.0
    burst: int = 5
    latency: float = 0.1
    patience: float = 3600.0
    max_messages: int = 8

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.clock, self.rate, self.burst)
        self.surface = self.another()
        self.delivery = self.restarted()

    def another(self, **options: bool) -> FakeSurface:
        limits = SurfaceLimits(
            self.max_units, edits_per_second=self.rate, burst=self.burst, budget="channel"
        )
        return FakeSurface(self.clock, limits, bucket=self.bucket, latency=self.latency, **options)

    def restarted(self) -> Delivery:
        return Delivery(
            self.clock,
            self.ledger,
            edit_interval=0.5,
            max_messages=self.max_messages,
            patience=self.patience,
        )

    async def write(self, live: LiveAnswer, text: str, speed: float = 80.0) -> None:
        """As a model does: four characters at a time."""
        for start in range(0, len(text), 4):
            live.write(text[start : start + 4])
            await self.clock.sleep(4 / speed)

    async def show(
        self,
        text: str,
        answer: StoredAnswer | None = None,
        phase: Phase = Phase.DONE,
        surface: FakeSurface | None = None,
    ) -> None:
        async with self.delivery.open(answer or stored(), surface or self.surface) as live:
            await self.write(live, text)
            await live.finish(phase)

    def assert_shows(self, text: str, surface: FakeSurface | None = None) -> None:
        """Exactly this answer is to be seen, and its last message says that it is done."""
        surface = surface or self.surface
        assert surface.texts == [piece.text for piece in split(text, self.max_units)]
        assert [part.last for part in surface.visible] == [False] * (len(surface.texts) - 1) + [
            True
        ]
        assert {part.phase for part in surface.visible} == {Phase.DONE}


# ---------------------------------------------------------------- all is well


async def test_an_answer_grows_in_one_message_and_ends_there() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(2)
        await world.clock.sleep(5.0)
        live.place(0)
        await world.clock.sleep(5.0)
        await world.write(live, STORY[:1500])
        await live.finish(Phase.DONE, "Done in 20 s.")
    (message,) = world.surface.messages.values()
    assert [part.phase for part in message.history[:2]] == [Phase.QUEUED] * 2
    assert message.history[0].text == PLACEHOLDER
    assert message.history[0].note == "Two questions are before yours."
    growing = [part.text for part in message.history if part.phase is Phase.WRITING]
    assert len(growing) > 10
    assert all(b.startswith(a) for a, b in pairwise(growing))
    assert message.part == Part(7, 0, STORY[:1500].rstrip(), Phase.DONE, True, "Done in 20 s.")
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
        await live.finish(Phase.DONE)
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
        await live.finish(Phase.DONE)
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
        await live.finish(Phase.STOPPED, "Stopped.")
    assert world.surface.visible == [Part(7, 0, PLACEHOLDER, Phase.STOPPED, True, "Stopped.")]


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
        await live.finish(Phase.DONE)
        with pytest.raises(RuntimeError, match="finished"):
            live.write("more")


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    world = World()
    with pytest.raises(KeyError, match="mine"):
        async with world.delivery.open(stored(), world.surface):
            raise KeyError("mine")


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
        await live.finish(Phase.DONE)
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
        await live.finish(Phase.DONE)
    world.assert_shows("Short.")


async def test_a_lost_response_to_a_later_message_does_not_leave_it_old() -> None:
    world = World(max_units=200)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:150])
        lost = SurfaceBusy("lost", retry_after=30.0)
        world.surface.fail(lost, kind="send", takes_effect=True)
        await world.write(live, STORY[150:300])
        await live.finish(Phase.DONE)
    assert len(world.surface.texts) == 2
    world.assert_shows(STORY[:300])


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
            await live.finish(Phase.DONE)
    assert world.clock.monotonic() < 700.0


async def test_a_lost_place_is_known_at_once_and_told_at_the_end() -> None:
    world = World()
    world.surface.fail(SurfaceError("not_in_channel"), kind="send")
    async with world.delivery.open(stored(), world.surface) as live:
        live.write("Hello")
        await live.gone.wait()
        with pytest.raises(SurfaceError, match="not_in_channel"):
            await live.finish(Phase.STOPPED)
    assert world.surface.calls[-1].done is None


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
        await live.gone.wait()
        with pytest.raises(ZeroDivisionError):
            await live.finish(Phase.DONE)


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
        await live.finish(Phase.STOPPED)
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
        await live.finish(Phase.STOPPED)
    assert len(world.surface.messages) == 2


async def test_a_deleted_earlier_message_does_not_matter() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:1300])
        world.surface.delete("m1")
        await world.write(live, STORY[1300:])
        await live.finish(Phase.DONE)
    assert not live.gone.is_set()
    assert world.surface.texts == [piece.text for piece in split(STORY, 500)][1:]


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
            await live.finish(Phase.DONE)

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
            await live.finish(Phase.DONE)

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
    assert world.surface.visible[0].phase is Phase.WRITING


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
        await live.finish(Phase.DONE)
    assert world.surface.texts[-1] == "Short."
    assert world.surface.visible[-1].phase is Phase.DONE
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
        await live.finish(Phase.DONE)
    world.assert_shows(STORY)


async def test_parts_that_are_known_to_be_shown_cost_no_call() -> None:
    world = World(max_units=500)
    await world.show(STORY, phase=Phase.CUT)
    calls = len(world.surface.calls)
    again = stored(text=STORY, messages=world.ledger.messages())
    async with world.restarted().open(again, world.surface) as live:
        live.place(0)
        await world.clock.sleep(2.0)
        live.write("The end.")
        await live.finish(Phase.DONE)
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
        await world.surface.edit("m9", Part(7, 0, "x", Phase.DONE, True))
    await world.show("Hello", stored(text="Hel", messages=("m9",), state=AnswerState.WRITING))
    assert world.surface.visible == []


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
