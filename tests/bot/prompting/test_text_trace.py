"""What is recorded of a rendering stays within bounds, because the parent repeats it for contents
that the process never saw."""

from collections.abc import Callable

import pytest

from bot.prompting import text_trace
from bot.prompting.text_trace import begin
from bot.prompting.traced_text import Text, content, literal


@pytest.mark.parametrize(
    "derive",
    [
        lambda c: c.replace("z", "zz"),
        lambda c: c.replace("a", "").replace("b", "c").strip().upper(),
        lambda c: c.replace("\n", "\n\n").split("x")[0][1:].replace("effort", "strength").lower(),
    ],
)
def test_a_view_may_grow_a_little(derive: Callable[[Text], Text]) -> None:
    trace = begin()
    derive(content("Hello", 0))
    assert not trace.opaque


@pytest.mark.parametrize(
    "derive",
    [
        lambda c: c.replace("z", "z" * 8).replace("z", "z" * 8),
        lambda c: c.replace("z", "z" * 1000),
        lambda c: c.replace("", "-" * 30).upper(),
        lambda c: c.upper().replace("S", "ß").title().replace("S", "ß").upper().upper(),
    ],
)
def test_what_could_grow_without_end_is_not_followed(derive: Callable[[Text], Text]) -> None:
    trace = begin()
    text = derive(content("Hello", 0))
    assert trace.opaque
    assert [piece.origin for piece in text._pieces] == [None]
    assert not any(piece.trusted for piece in text._pieces)


def test_the_steps_of_a_view_are_counted() -> None:
    trace = begin()
    text: str = content("Hello", 0)
    for _ in range(text_trace.MOST_STEPS):
        text = text.strip()
    assert not trace.opaque
    text.strip()
    assert trace.opaque


def test_too_many_checks_leave_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_trace, "MOST_CHECKS", 10)
    trace, text = begin(), content("Hello", 0)
    for number in (*range(10), *range(10)):
        text.startswith(str(number))
    assert len(trace.checks) == 10
    text.startswith("other")
    assert (trace.opaque, len(trace.checks)) == (True, 0)


@pytest.mark.parametrize(
    "ask", [lambda c, long: long in c, lambda c, long: (long + c).endswith("a")]
)
def test_the_texts_of_checks_are_counted(
    monkeypatch: pytest.MonkeyPatch, ask: Callable[[Text, Text], object]
) -> None:
    monkeypatch.setattr(text_trace, "MOST_CHARACTERS", 100)
    trace = begin()
    ask(content("Hello", 0), literal("x" * 101))
    assert trace.opaque
    assert not trace.checks
