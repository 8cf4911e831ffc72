"""Parts of answers in Block Kit."""

import pytest

from adapters.slack.rendering import footer, payload
from bot.delivery import PLACEHOLDER
from bot.ports import AnswerState, Part
from tests.slack_loopback.api import check_blocks

TEXTS = ("Hello", "1 < 2 & <!channel>", "```\ncode\n```", "x" * 9000, PLACEHOLDER)


def part(
    text: str = "Hello", state: AnswerState = AnswerState.DONE, *, last: bool = True, note: str = ""
) -> Part:
    return Part(7, 0, text, state, last, note)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("state", list(AnswerState))
@pytest.mark.parametrize("note", ["", "Two questions are before yours.", "<!channel> " * 500])
def test_every_part_is_a_payload_that_slack_accepts(
    text: str, state: AnswerState, note: str
) -> None:
    for last in (True, False):
        shown = payload(part(text, state, last=last, note=note))
        check_blocks(shown["blocks"])
        assert 0 < len(shown["text"]) < 4000
        assert "<" not in shown["text"]


@pytest.mark.parametrize(
    ("state", "labels"),
    [
        (AnswerState.QUEUED, ["Stop"]),
        (AnswerState.WRITING, ["Stop"]),
        (AnswerState.DONE, ["Regenerate"]),
        (AnswerState.CUT, ["Continue", "Regenerate"]),
        (AnswerState.STOPPED, ["Continue", "Regenerate"]),
        (AnswerState.INTERRUPTED, ["Continue", "Regenerate"]),
        (AnswerState.FAILED, ["Continue", "Regenerate"]),
    ],
)
def test_the_last_part_has_the_buttons_of_its_state(state: AnswerState, labels: list[str]) -> None:
    buttons = [
        element["text"]["text"]
        for block in footer(part(state=state))
        if block["type"] == "actions"
        for element in block["elements"]
    ]
    assert buttons == labels
    assert footer(part(state=state, last=False)) == []


@pytest.mark.parametrize("state", list(AnswerState))
def test_only_an_answer_that_finished_or_hit_the_length_limit_can_be_rated(
    state: AnswerState,
) -> None:
    kinds = [block["type"] for block in footer(part(state=state))]
    assert ("context_actions" in kinds) is (state in (AnswerState.DONE, AnswerState.CUT))


def test_a_message_without_text_yet_shows_a_note() -> None:
    shown = payload(part(PLACEHOLDER, AnswerState.QUEUED, note="Thinking…"))
    assert [block["type"] for block in shown["blocks"]] == ["context", "actions"]
    assert shown["text"]
