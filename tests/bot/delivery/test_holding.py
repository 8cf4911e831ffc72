"""Incomplete Markdown is withheld while the rest may still come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.holding import LONGEST_MARK, LONGEST_ROW, shown_until
from bot.delivery.splitting import Splitter
from tests.bot.delivery.markdown_texts import TEXTS


def shown(text: str) -> str:
    splitter = Splitter(1_000_000)
    splitter.feed(text)
    until = shown_until(splitter.window, splitter.lines, splitter.line_start, splitter.context)
    return text[:until]


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("a **bo", "a "),
        ("a `co", "a "),
        ("a [link](htt", "a "),
        ("a ~~go", "a "),
        ("a \\", "a "),
        ("one **two\nthree", "one "),
        ("**one** and **tw", "**one** and "),
        ("- one **two\n- three", "- one **two\n- three"),
        ("one **two\n\nthree", "one **two\n\nthree"),
    ],
)
def test_an_open_mark_is_held_back_until_its_paragraph_ends(text: str, visible: str) -> None:
    assert shown(text) == visible


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("text\n`", "text\n"),
        ("text\n``", "text\n"),
        ("text\n```pyth", "text\n"),
        ("text\n```python\n", "text\n"),
        ("text\n```python\n\n  ", "text\n"),
        ("- item\n  ``", "- item\n"),
        ("```\nx\n``", "```\nx\n"),
        ("```\nx\n```", "```\nx\n```"),
        ("```\nx ``", "```\nx ``"),
        ("```\na **b [c", "```\na **b [c"),
        ("~~~\nx\n~", "~~~\nx\n"),
    ],
)
def test_half_a_fence_line_is_held_back_and_so_is_an_empty_block(text: str, visible: str) -> None:
    assert shown(text) == visible


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("x\n\n| a", "x\n\n"),
        ("x\n\n| a | b |\n", "x\n\n"),
        ("x\n\n| a | b |\n|--", "x\n\n"),
        ("x\n\n| a | b |\n|---|---|\n", "x\n\n| a | b |\n|---|---|\n"),
        ("| a |\n|---|\n| 1 |\n| tw", "| a |\n|---|\n| 1 |\n"),
        ("| a |\nno table", "| a |\nno table"),
        ("a | b", "a | b"),
    ],
)
def test_a_table_comes_with_its_head_and_then_row_by_row(text: str, visible: str) -> None:
    assert shown(text) == visible


@pytest.mark.parametrize("mark", ["-", "##", "1", "12.", ">", "---", "***", "==="])
def test_what_may_become_a_block_is_held_back(mark: str) -> None:
    assert shown(f"text\n{mark}") == "text\n"


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("a 👩", "a "),
        ("a 👩\u200d", "a "),
        ("a 👩\u200d👧", "a "),
        ("a 👍🏽", "a "),
        ("a 🇩", "a "),
        ("a 🇩🇪", "a 🇩🇪"),
        ("a 🇩🇪🇫", "a 🇩🇪"),
        ("a ❤\ufe0f", "a "),
        ("a 👩 b", "a 👩 b"),
        ("a e\u0301", "a e\u0301"),
    ],
)
def test_an_emoji_that_may_go_on_is_held_back(text: str, visible: str) -> None:
    assert shown(text) == visible


@pytest.mark.parametrize("mark", ["**", "`", "[", "<http", "```"])
def test_nothing_is_held_back_for_long(mark: str) -> None:
    text = "x\n" + mark + "y" * LONGEST_MARK
    assert shown(text) == text
    assert shown(text[:LONGEST_MARK]) == "x\n"


def test_a_row_is_held_back_a_little_longer() -> None:
    text = "| " + "y" * LONGEST_ROW
    assert shown(text) == text
    assert shown(text[:LONGEST_ROW]) == ""


@given(TEXTS, st.integers(0, 200))
def test_what_is_held_back_is_bounded(text: str, stop: int) -> None:
    assert len(text[:stop]) - len(shown(text[:stop])) <= LONGEST_ROW
    assert len(text) - len(shown(text)) <= LONGEST_ROW


@given(TEXTS)
def test_a_whole_paragraph_after_the_end_shows_everything(text: str) -> None:
    whole = text + "\n```\n~~~\n\n\nThe end. "
    held = len(whole) - len(shown(whole))
    assert held == 0 or "`" in text or "~" in text
