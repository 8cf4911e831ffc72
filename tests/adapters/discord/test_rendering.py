"""Parts of answers as message payloads."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.common.buttons import Action
from adapters.discord.rendering import (
    CUSTOM_ID,
    MOST_UNITS,
    TEXT_UNITS,
    content,
    custom_id,
    cut_to,
    payload,
    utf16_units,
)
from bot.delivery import PLACEHOLDER
from bot.ports import AnswerState, Form, Part


def a_part(
    text: str = "Hello.", state: AnswerState = AnswerState.DONE, note: str = "", last: bool = True
) -> Part:
    return Part(7, 0, text, state, last, note)


def actions(part: Part) -> list[str]:
    return [
        button["custom_id"] for row in payload(part)["components"] for button in row["components"]
    ]


@pytest.mark.parametrize(
    ("state", "does"),
    [
        (AnswerState.QUEUED, ["stop"]),
        (AnswerState.WRITING, ["stop"]),
        (AnswerState.DONE, ["regenerate", "up", "down"]),
        (AnswerState.CUT, ["continue", "regenerate", "up", "down"]),
        (AnswerState.STOPPED, ["continue", "regenerate"]),
        (AnswerState.FAILED, ["continue", "regenerate"]),
        (AnswerState.INTERRUPTED, ["continue", "regenerate"]),
    ],
)
def test_the_buttons_are_those_of_the_state(state: AnswerState, does: list[str]) -> None:
    assert actions(a_part(state=state)) == [f"parley:{action}:7" for action in does]


def test_only_the_last_message_has_buttons() -> None:
    assert payload(a_part(last=False))["components"] == []


def test_a_custom_id_can_be_parsed_again() -> None:
    for action in Action:
        match = re.fullmatch(CUSTOM_ID, custom_id(action, 2**63 - 1))
        assert match is not None
        assert (match["action"], int(match["answer"])) == (action, 2**63 - 1)


def test_every_message_pings_nobody() -> None:
    assert payload(a_part("@everyone"))["allowed_mentions"] == {"parse": [], "replied_user": False}


def test_a_note_is_small_print_on_one_line() -> None:
    assert content(a_part(note="Two\nlines")) == "Hello.\n-# Two lines"


def test_without_text_there_is_only_the_note() -> None:
    assert (
        content(a_part(PLACEHOLDER, AnswerState.QUEUED, "Two before you.")) == "-# Two before you."
    )
    assert content(a_part(PLACEHOLDER, AnswerState.STOPPED)) == "-# Stopped."
    assert content(a_part(PLACEHOLDER, AnswerState.WRITING)) == "-# Thinking…"


@given(st.text(min_size=1), st.text())
def test_a_message_is_never_too_long(text: str, note: str) -> None:
    text = cut_to(text * 2000, TEXT_UNITS)
    assert utf16_units(content(a_part(text, note=note * 50))) <= MOST_UNITS


@given(st.text(), st.integers(1, 50))
def test_a_cut_text_is_the_beginning_of_it(text: str, units: int) -> None:
    cut = cut_to(text, units)
    assert utf16_units(cut) <= units
    assert cut == text or text.startswith(cut.removesuffix("…"))


@pytest.mark.parametrize("form", [Form.NO_BUTTONS, Form.PLAIN])
def test_a_simpler_form_takes_buttons_away_that_an_edit_would_keep(form: Form) -> None:
    assert payload(replace(a_part(), form=form))["components"] == []
