"""A leading thought is told apart from the answer, however the text is cut."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.generation.thinking import FAMILIES, TAGGED, Family, ThoughtFilter
from bot.messages import Thought

THINK = FAMILIES[0]


def divided(
    pieces: list[str],
    inside: Family | None = None,
    *,
    watch: bool = False,
    over: bool = False,
    families: Sequence[Family] = FAMILIES,
) -> tuple[str, str]:
    """The thought and the answer that come of a text in these pieces."""
    thought_filter = ThoughtFilter(inside, watch=watch, over=over, families=families)
    thought = answer = ""
    found = [item for piece in pieces for item in thought_filter.feed(piece)]
    for item in [*found, *thought_filter.flush()]:
        if isinstance(item, str):
            assert item
            answer += item
        elif item.whole:
            thought, answer = item.text, ""
        else:
            assert item.text
            thought += item.text
    return thought, answer


def everywhere(text: str, inside: Family | None = None, *, watch: bool = False) -> tuple[str, str]:
    """The same for every cut in two, for single characters, and for the whole."""
    expected = divided([text], inside, watch=watch)
    for cut in range(1, len(text)):
        assert divided([text[:cut], text[cut:]], inside, watch=watch) == expected, cut
    assert divided(list(text), inside, watch=watch) == expected
    return expected


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.opening.strip())
def test_every_familys_thought_is_told_apart(family: Family) -> None:
    for marker in ("", *family.answer):
        text = f"{family.opening}\nIs 2 < 3?\n\nYes.\n{family.closings[0]}{marker}\n\nIt is."
        assert everywhere(text) == ("Is 2 < 3?\n\nYes.", "It is.")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.opening.strip())
def test_a_thought_that_the_prompt_opened_needs_only_its_end(family: Family) -> None:
    text = f"Well.{family.closings[0]}\nIt is."
    assert everywhere(text, family) == ("Well.", "It is.")
    assert everywhere(family.opening + text, family) == ("Well.", "It is.")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.opening.strip())
def test_an_empty_thought_is_none(family: Family) -> None:
    assert everywhere(f"{family.opening}\n\n{family.closings[0]}\n\nYes.") == ("", "Yes.")


def test_several_leading_blocks_are_one_thought() -> None:
    text = "<think>A</think>\n<think></think> <think>B</think>\nC <think>D</think>"
    assert everywhere(text) == ("A\n\nB", "C <think>D</think>")


def test_harmony_thinks_twice_and_answers_in_the_final_channel() -> None:
    text = (
        "<|channel|>analysis<|message|>A<|end|><|start|>assistant<|channel|>commentary<|message|>"
        "B<|end|><|start|>assistant<|channel|>final<|message|>C"
    )
    assert everywhere(text) == ("A\n\nB", "C")
    assert everywhere("<|channel|>final<|message|>C") == ("", "C")


def test_a_tag_around_the_answer_is_dropped_after_a_thought_alone() -> None:
    assert everywhere("<think>A</think><response>B </x></response>\n") == ("A", "B </x>")
    assert everywhere("<think>A</think><response>B </response> C") == ("A", "B </response> C")
    assert everywhere("<response>B</response>") == ("", "<response>B</response>")


@pytest.mark.parametrize(
    "text",
    [
        "The tag `<think>` opens a thought, `</think>` closes it.",
        "```\n<think>\n</think>\n```\nis how it looks.",
        "Here is my view.",
        "<thinker> is no tag.",
        "a<think>b</think>",
        "[THINKING] hard",
        "<",
    ],
)
def test_an_answer_about_tags_stays_an_answer(text: str) -> None:
    assert everywhere(text) == ("", text)
    assert everywhere(text, watch=True) == ("", text)


def test_a_thought_that_never_closes_is_no_answer() -> None:
    assert everywhere("<think>\nOn and on </thi")[1] == ""
    assert divided(["<think>\nOn and on </thi"])[0] == "On and on"


def test_a_lone_closing_tag_makes_all_before_it_a_thought() -> None:
    text = "Let me see.\nYes.\n</think>\n\nIt is."
    assert everywhere(text, watch=True) == ("Let me see.\nYes.", "It is.")
    assert everywhere(text) == ("", text)
    assert everywhere("Let me see.\n</think>", watch=True) == ("Let me see.", "")
    assert everywhere("</think>\n\nIt is.") == ("", "It is.")


@pytest.mark.parametrize(
    "text",
    ["It ends with\n```\n</think>\n```\n", "Write\n</think> there.\n", "x </think>\ny"],
)
def test_a_closing_tag_in_an_answer_does_not(text: str) -> None:
    assert everywhere(text, watch=True) == ("", text)


@pytest.mark.parametrize("opening", ["Here is my thought process:", "Here are my reasoning steps:"])
def test_a_sentence_opens_a_thought_only_where_the_model_is_known_to_write_it(
    opening: str,
) -> None:
    text = f"{opening} first, 2 is even."
    assert divided(list(text), families=TAGGED) == ("", text)
    assert divided(list(text)) == ("first, 2 is even.", "")


def test_a_lone_closing_tag_takes_what_was_shown_before_a_break_with_it() -> None:
    resumed = ThoughtFilter(watch=True, before="Let me")
    pieces = [*resumed.feed(" see.\n</think>\n\nIt is."), *resumed.flush()]
    assert pieces == [Thought("Let me see.", whole=True), "It is."]
    resumed = ThoughtFilter(watch=True, before="```\nLet me")
    text = " see.\n</think>\n```\nIt is."
    assert [*resumed.feed(text), *resumed.flush()] == [text]


def test_what_was_thought_before_is_continued_without_losing_a_space() -> None:
    resumed = ThoughtFilter(THINK, begun=True)
    assert [*resumed.feed(" more.\n</think>\n\nYes."), *resumed.flush()] == [
        Thought(" more."),
        "Yes.",
    ]


WORDS = st.lists(
    st.sampled_from(
        ["<think>", "</think>", "<", "/", "think", ">", "\n", " ", "a", "```", "<|channel|>", "|>"]
    ),
    max_size=12,
)


@given(words=WORDS, cuts=st.lists(st.integers(0, 60)), watch=st.booleans())
def test_cuts_do_not_matter(words: list[str], cuts: list[int], watch: bool) -> None:
    text = "".join(words)
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    pieces = [text[a:b] for a, b in pairwise(places)]
    assert divided(pieces, watch=watch) == divided([text], watch=watch)


@given(words=WORDS)
def test_what_does_not_begin_with_a_tag_is_the_answer_to_the_letter(words: list[str]) -> None:
    text = "A" + "".join(words)
    assert divided(list(text)) == ("", text)
    assert divided(list(text), over=True) == ("", text)
