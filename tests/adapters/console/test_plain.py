"""Answers as plain text."""

import io
import os
from contextlib import suppress

import pytest

from adapters.console.plain import PlainScreen, PlainSurface, PlainText
from bot.delivery import PLACEHOLDER
from bot.errors import MessageGone
from bot.ports import AnswerState, Part


def part(text: str, state: AnswerState = AnswerState.WRITING) -> Part:
    return Part(1, 0, text, state, True)


async def written(*parts: Part, shown: str = "") -> str:
    out = io.StringIO()
    surface = PlainSurface(PlainText(out), shown)
    reference = await surface.send(parts[0])
    for later in parts[1:]:
        await surface.edit(reference, later)
    return out.getvalue()


async def test_an_answer_is_written_once_as_it_grows_with_a_line_break_at_its_end() -> None:
    parts = [
        part(PLACEHOLDER, AnswerState.QUEUED),
        part("One"),
        part("One two"),
        part("One two\n\nthree", AnswerState.DONE),
        part("One two\n\nthree", AnswerState.DONE),
    ]
    assert await written(*parts) == "One two\n\nthree\n"


async def test_a_continued_answer_is_written_from_where_it_was_cut() -> None:
    assert await written(part("One"), part("One two", AnswerState.DONE), shown="One ") == " two\n"


async def test_another_answer_is_written_below() -> None:
    assert await written(part("One"), part("Uno", AnswerState.DONE)) == "One\nUno\n"


async def test_nothing_is_written_for_an_answer_without_text() -> None:
    assert await written(part(PLACEHOLDER, AnswerState.FAILED)) == ""


async def test_a_reader_who_leaves_is_noticed() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    out = os.fdopen(writing, "w")
    text = PlainText(out)
    with pytest.raises(MessageGone):
        await PlainSurface(text).send(part("One"))
    assert text.unread
    with suppress(BrokenPipeError):
        out.close()


async def test_remarks_stay_out_of_the_output_and_errors_go_to_their_own_stream() -> None:
    out, errors = io.StringIO(), io.StringIO()
    screen = PlainScreen(out, errors)
    screen.note("in passing")
    screen.say("an answer")
    screen.warn("went wrong")
    assert (out.getvalue(), errors.getvalue()) == ("an answer\n", "went wrong\n")
