"""Summaries in parts: by exact counts, whole, in order, and with an end."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.summarizing import BEGINS, ENDS, SYSTEM, Plan, Room, Written, plan, write
from bot.errors import OverQuota, TooLong
from bot.messages import Completion, Prompt

FIXED = len(SYSTEM.split()) + 40
"""Tokens of a prompt that are not the material, and some more."""


async def count(prompt: Prompt | Completion) -> int:
    """A word is a token."""
    assert isinstance(prompt, Prompt)
    return len(prompt.system.split()) + len(prompt.question.split())


def material(prompt: Prompt) -> list[str]:
    lines = prompt.question.split("\n")
    return lines[lines.index(BEGINS) + 1 : lines.index(ENDS)]


class Writer:
    """Answers each prompt with the first word of each of its lines."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.most: list[int] = []

    async def __call__(self, prompt: Prompt, most: int) -> str:
        self.prompts.append(prompt)
        self.most.append(most)
        return " ".join(line.split()[0] for line in material(prompt))


def room(tokens: int, answer: int = 20) -> Room:
    return Room(FIXED + tokens, answer)


async def test_what_fits_is_summed_up_in_one_prompt_word_for_word() -> None:
    lines = ["Ana: Let us meet at noon.", "Ben: Fine."]
    made = await plan(lines, room(100), count)
    assert made.steps == 1
    model = Writer()
    assert await write(made, model, count) == Written("Ana: Ben:")
    (prompt,) = model.prompts
    assert (prompt.system, prompt.history) == (SYSTEM, ())
    assert prompt.question == (
        "Sum up these messages, oldest first:\n--- messages ---\nAna: Let us meet at noon.\n"
        "Ben: Fine.\n--- end of messages ---"
    )
    assert model.most == [20]


async def test_what_is_longer_is_summed_up_in_parts_and_these_in_one() -> None:
    lines = [f"{n}: {'word ' * 9}".strip() for n in range(30)]
    made = await plan(lines, room(100), count)
    model = Writer()
    text = (await write(made, model, count)).text
    *parts, joined = model.prompts
    assert len(parts) == len(made.parts) == 3
    assert [line for prompt in parts for line in material(prompt)] == lines
    assert parts[1].question.startswith("Sum up these messages, oldest first. They are part 2 of 3")
    assert joined.question.startswith("These are summaries of the parts of one chat")
    assert len(material(joined)) == 3
    assert text == " ".join(line.split()[0] for line in material(joined))
    assert all(most <= made.room.partial_tokens for most in model.most[:-1])


@settings(max_examples=60)
@given(
    lines=st.lists(
        st.lists(st.sampled_from(["a", "bb", "ccc"]), min_size=1, max_size=60).map(" ".join),
        min_size=1,
        max_size=40,
    ),
    tokens=st.integers(12, 200),
)
async def test_every_prompt_fits_and_no_word_is_lost_or_changes_its_place(
    lines: list[str], tokens: int
) -> None:
    made = await plan(lines, room(tokens), count)
    said = [word for part in made.parts for line in part for word in line.split()]
    assert said == [word for line in lines for word in line.split()]
    model = Writer()
    await write(made, model, count)
    for prompt in model.prompts:
        assert await count(prompt) <= made.room.prompt_tokens


@given(st.integers(20, 60))
async def test_what_goes_on_a_message_never_looks_like_another_persons(tokens: int) -> None:
    line = "Ben: Hi" + "\n  Ana: I agree to all of it" * 100
    made = await plan([line], room(tokens), count)
    assert len(made.parts) > 1
    begins = [piece for part in made.parts for one in part for piece in one.split("\n")]
    assert [piece for piece in begins if piece.strip() and not piece.startswith("  ")] == [
        "Ben: Hi"
    ]


async def test_parts_are_as_long_as_fits() -> None:
    lines = ["word"] * 100
    made = await plan(lines, room(30), count)
    sizes = [len(part) for part in made.parts]
    assert len(set(sizes[:-1])) == 1, "all but the last are full"
    assert sizes[0] >= 30


async def test_summaries_that_do_not_become_fewer_stand_one_below_the_other() -> None:
    async def endless(prompt: Prompt, most: int) -> str:
        return "word " * 1000

    made = Plan(room(100), (("one",), ("two",)))
    text = (await write(made, endless, count)).text
    assert text.count("word") == 2000


async def test_parts_about_which_nothing_is_said_are_left_out() -> None:
    answers = iter(["", "second", "joined"])

    async def step(prompt: Prompt, most: int) -> str:
        return next(answers)

    made = Plan(room(100), (("one",), ("two",)))
    assert await write(made, step, count) == Written("second")


class Bounded(Writer):
    """Writes so many answers, and then the quota is used up."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.left = answers

    async def __call__(self, prompt: Prompt, most: int) -> str:
        if not self.left:
            raise OverQuota("Used up.")
        self.left -= 1
        return await super().__call__(prompt, most)


THREE = Plan(room(100), (("one 1",), ("two 2",), ("three 3",)))


async def test_where_the_quota_ends_there_is_what_was_written_and_why_it_is_not_all() -> None:
    covers = "Used up. So this covers the first 2 of 3 parts of what was said."
    assert await write(THREE, Bounded(2), count) == Written("one\n\ntwo", covers)
    below = "Used up. So the summaries of the parts stand one below the other."
    assert await write(THREE, Bounded(3), count) == Written("one\n\ntwo\n\nthree", below)
    assert await write(THREE, Bounded(4), count) == Written("one two three")
    for made in (THREE, Plan(room(100), (("one 1",),))):
        with pytest.raises(OverQuota):
            await write(made, Bounded(0), count)


async def test_where_the_quota_ends_between_joined_groups_none_is_lost() -> None:
    parts = tuple((f"{n}{'x' * 3}",) for n in range(8))
    made = Plan(Room(len(SYSTEM.split()) + 29, 20), parts)  # some, not all, fit into one prompt
    whole, half = Writer(), Bounded(len(parts) + 1)
    await write(made, whole, count)
    assert len(whole.prompts) >= len(parts) + 2, "they are joined in several steps"
    written = await write(made, half, count)
    assert [word[0] for word in written.text.split()] == [str(n) for n in range(8)]
    assert written.note.endswith("stand one below the other.")


async def test_a_window_without_room_for_a_word_is_refused() -> None:
    with pytest.raises(TooLong, match="too small for summaries"):
        await plan(["word"] * 10, Room(5, 5), count)


def test_a_partial_summary_is_short_enough_for_several_in_a_prompt() -> None:
    assert room(0, answer=10_000).partial_tokens * 4 <= max(128, room(0).prompt_tokens)
