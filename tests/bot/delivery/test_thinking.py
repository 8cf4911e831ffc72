"""While a model thinks its message says for how long; a folded thought stands above the answer."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.delivery import PLACEHOLDER, Delivery
from bot.delivery.folding import LONGEST, WIDTH, folded, quoted
from bot.delivery.rendering import TICK_SECONDS, Pages
from bot.messages import Thought
from bot.ports import AnswerState, SurfaceLimits
from tests.bot.delivery.recording_ledger import stored
from tests.bot.delivery.world import STORY, World
from tests.fake_surface import FakeSurface


def notes(world: World) -> list[str]:
    (message,) = world.surface.messages.values()
    return [part.note for part in message.history if part.text == PLACEHOLDER]


async def test_the_seconds_of_a_thought_are_shown_every_five() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        for _ in range(230):
            live.think(Thought("hm "))
            await world.clock.sleep(0.1)
        await world.write(live, "The answer.")
        await live.finish(AnswerState.DONE)
    assert notes(world) == ["Thinking…", *(f"Thinking… {n} s" for n in (5, 10, 15, 20))]
    world.assert_shows("The answer.")


async def test_seconds_pass_even_where_no_piece_of_the_thought_comes() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        live.think(Thought("hm "))
        await world.clock.sleep(11.0)
        await live.finish(AnswerState.STOPPED)
    assert notes(world)[:3] == ["Thinking…", "Thinking… 5 s", "Thinking… 10 s"]
    (message,) = world.surface.messages.values()
    assert (message.part.text, message.part.state) == (PLACEHOLDER, AnswerState.STOPPED)


@given(since=st.floats(0, 1e6), ticks=st.integers(1, 200))
@example(since=28.55, ticks=1)  # 33.55 - 28.55 is less than 5
def test_the_next_second_to_show_lies_ahead_whatever_the_clock_says(
    since: float, ticks: int
) -> None:
    pages = Pages(1, SurfaceLimits(100), "")
    pages.think(Thought("Hm."))
    pages.update(since)
    pages.update(now := since + ticks * TICK_SECONDS)
    assert pages.due is not None
    assert pages.due > now
    assert pages.part(0).note == f"Thinking… {5 * ticks} s"


async def test_thinking_makes_no_edit_that_another_answer_needs() -> None:
    """Beside an answer that draws on the same limit, the seconds wait; the answer is as fast as
    alone."""

    async def shown(*, beside: bool) -> tuple[int, int]:
        world = World(rate=0.5, burst=2)
        other = world.another()
        async with (
            world.delivery.open(stored(), world.surface) as live,
            world.delivery.open(replace(stored(), id=8), other) as second,
        ):
            if beside:
                live.place(0)
                live.think(Thought("hm"))
                await world.clock.sleep(1.0)
            second.place(0)
            await world.write(second, STORY[:1800])
            edits = sum(call.kind == "edit" for call in other.calls)
            await second.finish(AnswerState.DONE)
            await live.finish(AnswerState.STOPPED)
        ticks = [c for c in world.surface.calls if c.part and " s" in c.part.note]
        return edits, len(ticks)

    alone, _ = await shown(beside=False)
    edits, ticks = await shown(beside=True)
    assert edits >= alone - 1
    assert ticks <= 1


async def test_a_thought_that_is_begun_anew_says_so() -> None:
    world = World()
    async with world.delivery.open(stored(), world.surface) as live:
        live.place(0)
        live.think(Thought("hm "))
        await world.clock.sleep(6.0)
        live.think(Thought("", whole=True))
        await world.clock.sleep(6.0)
        await world.write(live, "Well.")
        await live.finish(AnswerState.DONE)
    assert "Thinking again…" in notes(world)


@pytest.mark.parametrize("length", [20, 3000])
async def test_text_that_turns_out_to_be_a_thought_is_replaced_by_the_answer(length: int) -> None:
    world = World(max_units=500)
    async with world.delivery.open(stored(), world.surface) as live:
        await world.write(live, STORY[:length], speed=800.0)
        await world.clock.sleep(5.0)
        assert world.surface.visible[0].text != PLACEHOLDER
        live.think(Thought(STORY[:length], whole=True))
        await world.clock.sleep(3.0)
        await world.write(live, "The answer.")
        await live.finish(AnswerState.DONE)
    world.assert_shows("The answer.")


# ---------------------------------------------------------------- folded

THOUGHT = "Is it **2** or <@3>? `x`\n\n# No\n" + "word " * 200


def folding(world: World) -> tuple[Delivery, FakeSurface]:
    limits = SurfaceLimits(500, edits_per_second=1.0, burst=5, budget="channel", quote="> -# ")
    surface = FakeSurface(world.clock, limits, bucket=world.bucket, latency=world.latency)
    return Delivery(world.clock, world.ledger, fold=True), surface


async def test_a_folded_thought_is_above_the_answer_after_a_crash_too() -> None:
    world = World(max_units=500)
    delivery, surface = folding(world)
    expected = f"{quoted(folded(THOUGHT), '> -# ')}{STORY}"
    async with delivery.open(stored(), surface) as live:
        live.place(0)
        for start in range(0, len(THOUGHT), 7):
            live.think(Thought(THOUGHT[start : start + 7]))
        await world.write(live, STORY[:900])
        await live.abandon()
    begun = replace(stored(), text=STORY[:900], thought=THOUGHT, messages=world.ledger.messages())
    async with delivery.open(begun, surface, resumed=True) as live:
        await world.write(live, STORY[900:])
        await live.finish(AnswerState.DONE)
    world.assert_shows(expected, surface)
    assert surface.visible[-1].thought == "\n".join(folded(THOUGHT))


async def test_the_file_of_a_long_answer_has_no_thought() -> None:
    world = World()
    delivery, surface = folding(world)
    delivery.max_messages = 1
    async with delivery.open(stored(), surface) as live:
        live.think(Thought(THOUGHT))
        await world.write(live, STORY)
        await live.finish(AnswerState.DONE)
    assert [text for _, text in surface.files] == [STORY]


def test_a_folded_thought_is_plain_words() -> None:
    lines = folded(THOUGHT)
    assert 1 <= len(lines) <= 3
    assert lines[0].startswith("Is it 2 or @3 ? x No word")
    assert lines[-1].endswith("…")
    assert folded("Short.") == ["Short."]
    assert folded("***") == []
    assert quoted([], "> ") == ""


@given(st.text(), st.text())
def test_a_fold_depends_on_the_beginning_alone_and_is_short(thought: str, more: str) -> None:
    long = thought.ljust(4 * LONGEST + 1, "x")
    assert folded(long) == folded(long + more)
    lines = folded(thought)
    assert sum(map(len, lines)) <= LONGEST
    assert all(len(line) <= WIDTH or " " not in line for line in lines)
    assert not set("`*_~|<>#[]\\") & set("".join(lines))
