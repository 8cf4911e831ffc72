"""What a part of an answer looks like in Block Kit."""

import pytest

from adapters.slack.rendering import below, message
from bot.delivery import PLACEHOLDER
from bot.ports import Part, Phase
from tests.slack_loopback.api import check_blocks

TEXTS = ("Hello", "1 < 2 & <!channel>", "```\ncode\n```", "x" * 9000, PLACEHOLDER)


def part(
    text: str = "Hello", phase: Phase = Phase.DONE, *, last: bool = True, note: str = ""
) -> Part:
    return Part(7, 0, text, phase, last, note)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("note", ["", "Two questions are before yours.", "<!channel> " * 500])
def test_every_part_is_a_message_that_slack_takes(text: str, phase: Phase, note: str) -> None:
    for last in (True, False):
        shown = message(part(text, phase, last=last, note=note))
        check_blocks(shown["blocks"])
        assert 0 < len(shown["text"]) < 4000
        assert "<" not in shown["text"]


@pytest.mark.parametrize(
    ("phase", "labels"),
    [
        (Phase.QUEUED, ["Stop"]),
        (Phase.WRITING, ["Stop"]),
        (Phase.DONE, ["Regenerate"]),
        (Phase.CUT, ["Continue", "Regenerate"]),
        (Phase.STOPPED, ["Continue", "Regenerate"]),
        (Phase.INTERRUPTED, ["Continue", "Regenerate"]),
        (Phase.FAILED, ["Continue", "Regenerate"]),
    ],
)
def test_the_last_part_carries_what_can_be_done_now(phase: Phase, labels: list[str]) -> None:
    buttons = [
        element["text"]["text"]
        for block in below(part(phase=phase))
        if block["type"] == "actions"
        for element in block["elements"]
    ]
    assert buttons == labels
    assert below(part(phase=phase, last=False)) == []


@pytest.mark.parametrize("phase", list(Phase))
def test_feedback_is_asked_for_answers_that_came_to_an_end(phase: Phase) -> None:
    kinds = [block["type"] for block in below(part(phase=phase))]
    assert ("context_actions" in kinds) is (phase in (Phase.DONE, Phase.CUT))


def test_a_message_without_text_yet_shows_that_something_happens() -> None:
    shown = message(part(PLACEHOLDER, Phase.QUEUED, note="Thinking…"))
    assert [block["type"] for block in shown["blocks"]] == ["context", "actions"]
    assert shown["text"]
