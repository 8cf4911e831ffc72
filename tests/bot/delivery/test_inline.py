"""Inline constructs: which are closed, which are open."""

import pytest
from hypothesis import given

from bot.delivery import inline, marks
from bot.delivery.inline import TokenPattern, scan
from tests.bot.delivery.markdown_texts import TEXTS


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "**bold** and *slanted* and __bold__ and _slanted_",
        "***both***",
        "**bold with *slanted* in it**",
        "`code` and ``code with ` in it``",
        "[a link](https://example.org/a_b_c)",
        "[a (link)](https://example.org/a_(b))",
        "![an image](x.png)",
        "[note] and [1]: text",
        "<https://example.org> and a < b",
        "snake_case_name and 2 * 3 * 4",
        "https://example.org/_x_y",
        "an \\*escaped\\* star and \\` tick",
        "~~gone~~ and ||hidden||",
        "a ~ b and a | b",
    ],
)
def test_nothing_is_open_in_a_finished_text(text: str) -> None:
    assert scan(text).open == []


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("a **bold", 2),
        ("a **bold*", 2),
        ("a **", 2),
        ("a *", 2),
        ("a _b", 2),
        ("a `code", 2),
        ("a ``code`", 2),
        ("a [link", 2),
        ("a [link]", 2),
        ("a [link](http", 2),
        ("a [link](x_(y)", 2),
        ("a ![image", 2),
        ("a <https://x", 2),
        ("a ||hidden", 2),
        ("a ~~gone~", 2),
        ("a ~", 2),
        ("a \\", 2),
        ("a **b *c*", 2),
    ],
)
def test_an_unfinished_mark_is_open_from_its_first_sign(text: str, start: int) -> None:
    assert min(scan(text).open) == start


def test_an_escaped_backslash_is_not_open() -> None:
    assert scan("a \\\\").open == []


def test_a_cut_within_marks_is_known() -> None:
    inlines = scan("a **b c** d [e f](g) h `i")
    assert [n for n in range(25) if inlines.cut_by(n)] == [*range(3, 9), *range(13, 20), 24]


@given(TEXTS)
def test_marks_lie_within_the_text(text: str) -> None:
    inlines = scan(text)
    assert all(0 <= a < b <= len(text) for a, b in inlines.closed)
    assert all(0 <= a < len(text) for a in inlines.open)
    assert inlines.open == sorted(inlines.open)


@pytest.mark.parametrize("pattern", [inline.TOKEN, marks.TOKEN])
@given(TEXTS)
def test_what_tokens_begin_with_misses_none(pattern: TokenPattern, text: str) -> None:
    at = 0
    while token := pattern.tokens.search(text, at):
        found = pattern.search(text, at)
        assert found is not None
        assert (found.span(), found.lastgroup) == (token.span(), token.lastgroup)
        at = token.end()
    assert pattern.search(text, at) is None
