"""The texts about answers and about the context window."""

import pytest

from adapters.console.report import clip, context_text, earlier_text, outcome_text
from bot.engine.job import Outcome
from bot.engine.packing import Packed
from bot.errors import StorageError
from bot.messages import Exchange, Prompt, Usage
from bot.ports import AnswerState

USAGE = Usage(prompt_tokens=10, completion_tokens=21, first_token_seconds=1.0, total_seconds=3.0)


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(AnswerState.DONE, USAGE), "21 tokens · 10.0 tokens/s"),
        (Outcome(AnswerState.DONE, Usage(completion_tokens=1)), "1 token"),
        (Outcome(AnswerState.DONE, Usage(), "Nothing to say."), "Nothing to say."),
        (Outcome(AnswerState.STOPPED), "stopped: /continue resumes it"),
        (
            Outcome(AnswerState.CUT, USAGE),
            "21 tokens · 10.0 tokens/s · length limit reached: /continue for more",
        ),
        (Outcome(AnswerState.DONE, Usage(), "Not saved.", StorageError("disk full")), ""),
    ],
)
def test_an_ended_answer_shows_its_speed_and_how_to_continue(outcome: Outcome, text: str) -> None:
    assert outcome_text(outcome) == text


def test_earlier_exchanges_are_counted_up_to_a_bound() -> None:
    restart = "in this conversation; /reset restarts it."
    assert earlier_text(1, 99) == f"1 earlier exchange {restart}"
    assert earlier_text(2, 99) == f"2 earlier exchanges {restart}"
    assert earlier_text(100, 99) == f"More than 99 earlier exchanges {restart}"


def test_the_context_is_shown_in_tokens_and_as_its_newest_exchanges() -> None:
    history = tuple(Exchange(f"question {n}", "long " * 100) for n in range(12))
    packed = Packed(Prompt("Be kind.", history, ""), 1000, 1, True, 512, 4096)
    text = context_text(packed)
    assert "1,000 of 4,096; 3,096 are left" in text
    assert "System prompt: Be kind." in text
    assert "12, older ones are left out" in text
    assert "(2 before these)" in text
    assert "> question 1\n" not in text
    assert "> question 2\n" in text
    assert all(len(line) <= 100 for line in text.splitlines())


def test_a_clip_is_one_line_and_says_that_more_follows() -> None:
    assert clip("a\n b") == "a b"
    assert clip("x" * 61) == "x" * 59 + "…"
