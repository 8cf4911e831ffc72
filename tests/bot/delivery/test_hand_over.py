"""An answer whose place is taken, or which is unwanted: all of its messages are known then."""

from bot.errors import MessageGone, SurfaceBusy, SurfaceError
from bot.ports import AnswerState, Part
from tests.bot.delivery.recording_ledger import stored
from tests.bot.delivery.world import STORY, World

LIMITED = SurfaceBusy("too many", retry_after=60.0)
LOST = SurfaceBusy("no response", retry_after=1.0)
GONE = MessageGone("deleted")


async def test_a_slow_post_is_awaited() -> None:
    world = World(latency=25.0)
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(1.0)
        await live.hand_over()
        assert not live.doubtful
    assert world.ledger.messages() == ("m1",)


async def test_a_slow_post_does_not_hold_up_the_shutdown() -> None:
    world = World(latency=1000.0)
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(1.0)
        await live.abandon()
        assert live.doubtful
    assert world.clock.monotonic() < 10.0


async def test_a_post_without_response_is_asked_for_while_the_platform_says_to_wait() -> None:
    world = World()
    world.surface.fail(LOST, kind="send", takes_effect=True)
    world.surface.fail(LIMITED, kind="send")
    world.surface.fail(LIMITED, kind="send")
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(0.2)
        await live.hand_over()
    assert world.ledger.messages() == ("m1",)
    assert len(world.surface.visible) == 1


async def test_a_post_without_response_is_asked_for_although_the_next_attempts_are_refused() -> (
    None
):
    world = World()
    world.surface.fail(LOST, kind="send", takes_effect=True)
    for _ in range(4):
        world.surface.fail(SurfaceError("invalid form body"), kind="send")
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(0.2)
        await live.hand_over()
        assert not live.doubtful
    assert world.ledger.messages() == ("m1",)
    assert len(world.surface.visible) == 1


async def test_a_platform_that_refuses_every_form_is_not_asked_for_minutes() -> None:
    world = World()
    world.surface.fail(LOST, kind="send", takes_effect=True)
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(0.2)
        world.surface.refuse = lambda _: True
        await live.hand_over()
        assert live.doubtful
    assert world.clock.monotonic() < 40.0


async def test_it_is_given_up_after_some_minutes() -> None:
    world = World()
    for _ in range(20):
        world.surface.fail(LIMITED, kind="send")
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(0.2)
        await live.hand_over()
        assert live.doubtful
    assert world.clock.monotonic() < 300.0


async def test_what_an_interrupted_run_posted_is_found_although_it_was_not_recorded() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(1.0)
    world.ledger.known.clear()
    async with world.restarted().open(stored(text="Text"), world.surface, resumed=True) as live:
        await live.hand_over()
        assert not live.text_shown  # it shows what it showed before
    assert world.ledger.messages() == ("m1",)
    assert len(world.surface.visible) == 1


async def test_messages_that_the_ledger_does_not_know_are_recorded() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        await world.clock.sleep(1.0)
    world.ledger.known.clear()
    ended = stored(messages=("m1",), state=AnswerState.STOPPED)
    async with world.delivery.open(ended, world.surface, unrecorded=True) as live:
        await live.finish(AnswerState.STOPPED)
        assert await live.recorded()
    assert world.ledger.messages() == ("m1",)


# ---------------------------------------------------------------- unwanted answers


async def test_no_stray_message_is_looked_for_after_a_whole_run() -> None:
    world = World()
    world.surface.fail(GONE, kind="edit")
    again = stored(messages=("m1",), state=AnswerState.QUEUED)
    async with world.delivery.open(again, world.surface) as live:
        live.place(0)
        await live.gone.wait()
    assert [call.kind for call in world.surface.calls] == ["edit"]


async def test_a_stray_message_is_removed_once_the_platform_lets_it_be() -> None:
    world = World()
    await world.surface.send(Part(7, 1, "A second message", AnswerState.WRITING, True))
    for failure in (LIMITED, SurfaceError("not in the channel")):
        world.surface.fail(GONE, kind="edit")
        world.surface.fail(failure, kind="remove")
    world.surface.fail(GONE, kind="edit")
    again = stored(messages=("m0",), state=AnswerState.QUEUED)
    async with world.restarted().open(again, world.surface, resumed=True) as live:
        live.place(0)
        await live.gone.wait()
    assert world.surface.visible == []
    assert [call.kind for call in world.surface.calls].count("send") == 1
    assert world.surface.searches == 1


async def test_a_stray_message_is_looked_for_although_the_run_edited_the_others() -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:700])
    again = stored(text=STORY[:300], messages=("m1",), state=AnswerState.WRITING)
    async with world.restarted().open(again, world.surface, resumed=True) as live:
        await world.write(live, STORY[300:350])
        await world.clock.sleep(2.0)
        world.surface.delete("m1")
        live.write(STORY[350:400])
        await live.gone.wait()
    assert world.surface.visible == []
