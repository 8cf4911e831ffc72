"""What each message should show at a given moment."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.rendering import MAX_HOLD_SECONDS, PLACEHOLDER, Pages, place_note
from bot.ports import AnswerState, Part, SurfaceLimits
from tests.bot.delivery.markdown_texts import LIMITS, TEXTS, chunks, split


def pages_of(text: str = "", max_units: int = 1000) -> Pages:
    return Pages(7, SurfaceLimits(max_units), text)


def parts(pages: Pages, now: float = 0.0) -> list[Part]:
    pages.update(now)
    return [pages.part(index) for index in range(pages.count)]


def test_nothing_is_shown_of_an_answer_that_waits_unannounced() -> None:
    assert parts(pages_of()) == []
    assert parts(pages_of("text from before")) == []


def test_the_place_in_the_queue_is_a_note_beside_a_placeholder() -> None:
    pages = pages_of()
    pages.place(2)
    note = "Two questions are before yours."
    assert parts(pages) == [Part(7, 0, PLACEHOLDER, AnswerState.QUEUED, True, note)]


@pytest.mark.parametrize(
    ("ahead", "note"),
    [
        (0, "Thinking…"),
        (1, "One question is before yours."),
        (12, "Twelve questions are before yours."),
        (1300, "1,300 questions are before yours."),
    ],
)
def test_places_are_told_in_words(ahead: int, note: str) -> None:
    assert place_note(ahead) == note


def test_a_queued_answer_that_goes_on_keeps_its_text_in_sight() -> None:
    pages = pages_of("So far. **And", 100)
    pages.place(1)
    (part,) = parts(pages)
    assert (part.text, part.state) == ("So far. **And", AnswerState.QUEUED)


def test_only_the_last_part_has_a_state_and_a_note() -> None:
    text = "A sentence of some words. " * 9
    pages = pages_of(text, 80)
    pages.end(AnswerState.CUT, "There is more.")
    *closed, last = parts(pages)
    assert [part.text for part in closed] == [piece.text for piece in split(text, 80)[:-1]]
    assert {(part.state, part.last, part.note) for part in closed} == {
        (AnswerState.DONE, False, "")
    }
    assert (last.state, last.last, last.note) == (AnswerState.CUT, True, "There is more.")


def test_an_answer_without_text_ends_with_its_note() -> None:
    pages = pages_of()
    pages.write(" \n")
    assert parts(pages) == []
    pages.end(AnswerState.FAILED, "It failed.")
    assert parts(pages) == [Part(7, 0, PLACEHOLDER, AnswerState.FAILED, True, "It failed.")]


def test_unfinished_marks_wait_while_it_is_written_and_are_shown_at_the_end() -> None:
    pages = pages_of()
    pages.write("so **bo")
    assert parts(pages)[0].text == "so"
    pages.end(AnswerState.STOPPED, "")
    assert parts(pages)[0].text == "so **bo"


def test_what_is_held_back_is_shown_when_nothing_completes_it() -> None:
    pages = pages_of()
    pages.write("so **bo")
    parts(pages, now=10.0)
    assert pages.held_until == 10.0 + MAX_HOLD_SECONDS
    pages.write("l")
    assert parts(pages, now=10.0 + MAX_HOLD_SECONDS)[0].text == "so **bol"
    assert pages.held_until is None


def test_at_the_moment_that_is_named_what_was_held_back_is_shown() -> None:
    """The sum of begin and duration is rounded up here: its difference from the begin is less."""
    begin = 61.90872243333312
    assert (begin + MAX_HOLD_SECONDS) - begin < MAX_HOLD_SECONDS
    pages = pages_of()
    pages.write("so **bo")
    parts(pages, now=begin)
    assert pages.held_until is not None
    assert parts(pages, now=pages.held_until)[0].text == "so **bo"
    assert pages.held_until is None


def test_what_was_shown_is_not_taken_back() -> None:
    """One more backtick makes a closed mark an open one."""
    pages = pages_of()
    pages.write("see `x`")
    assert parts(pages)[0].text == "see `x`"
    pages.write("`")
    assert parts(pages)[0].text.startswith("see `x`")


def test_marks_at_the_beginning_of_a_part_are_held_back_too() -> None:
    pages = pages_of(max_units=50)
    pages.write("word " * 9)
    assert len(parts(pages)) == 1
    pages.write("and more of it **bo")
    assert not parts(pages)[1].text.endswith("bo")


def test_a_part_is_closed_only_when_another_follows() -> None:
    pages = pages_of("word " * 20, 50)
    pages.update(0.0)
    assert pages.closed(0)
    assert not pages.closed(2)


@given(TEXTS, LIMITS, st.randoms(use_true_random=False))
def test_a_growing_part_only_grows_and_the_end_shows_all(
    text: str, limit: int, random: Random
) -> None:
    pages = pages_of(max_units=limit)
    before: list[Part] = []
    for chunk in chunks(text, random):
        pages.write(chunk)
        now = parts(pages)
        assert all(part.text.strip() and len(part.text) <= limit for part in now)
        growing = len(split(pages.text, limit)) - 1
        if growing < min(len(before), len(now)):
            assert now[growing].text.startswith(before[growing].text)
        assert len(now) >= len(before)
        before = now
    pages.end(AnswerState.DONE, "")
    whole = [piece.text for piece in split(text, limit)]
    assert [part.text for part in parts(pages)] == [t for t in whole if t] or [PLACEHOLDER]
    assert pages.text == text
