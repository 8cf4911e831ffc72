"""Parts of answers in Block Kit."""

import pytest

from adapters.slack.mrkdwn import escaped
from adapters.slack.rendering import footer, payload, reference
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


@pytest.mark.parametrize("text", ["word " * 780, "a < b & <!here> " * 100, "😀" * 2000])
def test_screen_readers_and_notifications_get_the_whole_text(text: str) -> None:
    assert payload(part(text))["text"] == escaped(text)


@pytest.mark.parametrize("text", ["word " * 1700, "<" * 3000, "ab&" * 3000, "x" * 9000])
def test_a_longer_text_is_cut_there_at_slacks_limit_but_in_no_escape(text: str) -> None:
    shown = payload(part(text))["text"]
    assert 3990 <= len(shown) <= 4000
    assert shown.endswith("…")
    assert escaped(text).startswith(shown[:-1])
    assert shown[:-1].count("&") == shown.count(";")


@pytest.mark.parametrize("value", ["", "x", "-1", "1_0", "9" * 30, "1:t x"[2:], "٣"])
def test_a_value_that_names_no_answer_is_a_value_error(value: str) -> None:
    with pytest.raises(ValueError, match="without an answer's number"):
        reference(value)


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
