"""Answers that grow on a terminal, which is emulated and read line by line."""

import io

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from adapters.console.blocks import Block, blocks
from adapters.console.growing import LONGEST_REDRAWN, GrowingAnswer
from tests.limits import examples
from tests.terminal import Terminal

BLOCKS = (
    "Some **bold** words, `code` and a long sentence that has to be wrapped on narrow screens.",
    "Two lines\nof one paragraph",
    "# A heading",
    "Heading\n-------",
    "- one\n- two\n  - nested\n- three",
    "1. first\n2. second\n\n   with a paragraph",
    "> quoted\n> twice",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    "```python\ndef f(x):\n    return x\n\n\nprint(f(1))\n```",
    "```\n" + "\n".join(f"line {n}" for n in range(30)) + "\n```",
    "~~~text\nnever closed",
    "- " + "\n- ".join(f"item {n}" for n in range(30)),
    "    indented code",
    "***",
    "[1]: http://example.com",
    "<b>tag</b> & List<int>",
    "wide 漢字 and 😀 signs",
)


DEFINITIONS = "\n".join(f"[{n}]: http://example.com/page{n}" for n in range(1, 16))
LINES = [
    *"\n".join(BLOCKS).splitlines(),
    *("", "", "", "    code", "  more", "===", "---", "# h #", "* x", "3) y", "|-|-|", "&amp;"),
    *("```", "~~~", "````", "> ```", "- ```", "  ```", "**bo", "ld**", "<div>"),
    *("[2]: http://example.org/long 'title'", "[3]:", "http://x.y", "'a title", "that ends'"),
]


class Paper:
    """A console that draws on an emulated terminal."""

    def __init__(self, width: int, height: int) -> None:
        self.terminal = Terminal(width, height)
        self._written = io.StringIO()
        self.console = Console(
            file=self._written,
            force_terminal=True,
            width=width,
            height=height,
            legacy_windows=False,
        )

    def draw(self) -> list[str]:
        self.terminal.feed(self._written.getvalue().replace("\n", "\r\n"))
        self._written.seek(0)
        self._written.truncate()
        return self.terminal.lines


def drawn_at_once(text: str, width: int) -> list[str]:
    paper = Paper(width, 24)
    GrowingAnswer(paper.console).finish(text)
    return paper.draw()


def drawn_while_growing(text: str, ends: list[int], width: int, height: int) -> list[str]:
    paper = Paper(width, height)
    growing = GrowingAnswer(paper.console)
    for end in ends:
        growing.update(text[:end])
        paper.draw()
    growing.finish(text)
    return paper.draw()


@st.composite
def growths(draw: st.DrawFn) -> tuple[str, list[int]]:
    """A text, and where it was each time that it was drawn."""
    whole = st.lists(st.sampled_from(BLOCKS), min_size=1, max_size=6).map("\n\n".join)
    lines = st.lists(st.sampled_from(LINES), min_size=1, max_size=30).map("\n".join)
    definitions = st.integers(0, len(DEFINITIONS)).map(lambda stop: DEFINITIONS[:stop] or "x")
    parts = st.lists(st.one_of(whole, lines, definitions), min_size=1, max_size=2)
    text = draw(st.sampled_from(["\n", "\n\n"])).join(draw(parts))
    ends = draw(st.lists(st.integers(0, len(text)), max_size=40))
    return text, sorted(ends)


@settings(max_examples=examples(60))
@given(growths(), st.sampled_from([20, 40, 80]), st.sampled_from([5, 12, 24]))
@example((f"{BLOCKS[9]}\n\n{BLOCKS[1]}", [234, 249]), 20, 5)
@example((BLOCKS[9], list(range(len(BLOCKS[9])))), 20, 5)
@example((BLOCKS[11], list(range(len(BLOCKS[11])))), 20, 5)
@example((BLOCKS[8], list(range(len(BLOCKS[8])))), 20, 5)
@example((DEFINITIONS, [DEFINITIONS.index("page14") + 3]), 80, 24)
@example(("[1]: http://x.y\n'a title\nthat ends'", [16, 25]), 40, 12)
def test_the_scrollback_holds_the_answer_once_however_it_grew(
    growth: tuple[str, list[int]], width: int, height: int
) -> None:
    text, ends = growth
    assert drawn_while_growing(text, ends, width, height) == drawn_at_once(text, width)


@settings(deadline=None, max_examples=60)
@given(growths(), st.sampled_from([20, 40, 80]), st.sampled_from([5, 12, 24]))
@example((BLOCKS[9], list(range(len(BLOCKS[9])))), 20, 5)
@example((BLOCKS[11], list(range(len(BLOCKS[11])))), 20, 5)
def test_the_same_holds_where_blocks_are_too_long_to_be_redrawn(
    growth: tuple[str, list[int]], width: int, height: int
) -> None:
    text, ends = growth
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.console.growing.LONGEST_REDRAWN", 30)
        assert drawn_while_growing(text, ends, width, height) == drawn_at_once(text, width)


@settings(deadline=None, max_examples=60)
@given(growths(), st.sampled_from([20, 40, 80]), st.sampled_from([5, 12, 24]))
def test_what_was_scrolled_out_of_the_screen_is_the_beginning_of_the_whole(
    growth: tuple[str, list[int]], width: int, height: int
) -> None:
    text, ends = growth
    whole = drawn_at_once(text, width)
    paper = Paper(width, height)
    growing = GrowingAnswer(paper.console)
    for end in ends:
        growing.update(text[:end])
        above = paper.draw()[: len(paper.terminal.screen.history.top)]
        assert above == whole[: len(above)]


def test_finished_blocks_are_drawn_before_the_answer_ends() -> None:
    paper = Paper(40, 12)
    GrowingAnswer(paper.console).update("First.\n\nSecond, which still grows")
    assert paper.draw() == ["First.", "", "Second, which still grows"]


def test_the_end_of_a_block_that_is_taller_than_the_screen_is_seen_while_it_grows() -> None:
    paper = Paper(40, 8)
    GrowingAnswer(paper.console).update("\n".join(f"- item {n}" for n in range(50)))
    assert paper.draw()[-1] == " • item 49"


def test_code_that_outgrows_the_screen_can_be_scrolled_back_to_while_it_grows() -> None:
    paper = Paper(40, 8)
    growing = GrowingAnswer(paper.console)
    code = "```\n" + "\n".join(f"line {n}" for n in range(50))
    for end in range(len(code)):
        growing.update(code[:end])
        paper.draw()
    assert "  line 0" in paper.draw()


@pytest.mark.parametrize("line", ["- item", "word", "| a | b |", "[1]: http://x.y"])
@pytest.mark.parametrize("before", ["", "```py\n"])
def test_an_update_of_a_very_long_block_parses_only_its_end(
    before: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[int] = []

    def counting(text: str) -> list[Block]:
        parsed.append(len(text))
        return blocks(text)

    text = before + "\n".join([line] * (30_000 // len(line)))
    growing = GrowingAnswer(Paper(40, 8).console)
    growing.update(text)
    monkeypatch.setattr("adapters.console.growing.blocks", counting)
    monkeypatch.setattr("adapters.console.blocks.blocks", counting)  # as `stable_length` finds it
    for size in range(10):
        growing.update(text + "\nmore" * size)
    assert len(parsed) == 10
    assert max(parsed) < LONGEST_REDRAWN


def test_lines_of_very_long_code_are_on_the_screen_once_while_it_grows() -> None:
    paper = Paper(40, 12)
    growing = GrowingAnswer(paper.console)
    code = "```\n" + "\n".join(f"line {n};" for n in range(3000))
    assert len(code) > 2 * LONGEST_REDRAWN
    for end in range(1000, len(code), 1500):
        growing.update(code[:end])
        lines = [line for line in paper.draw() if line.endswith(";")]
        assert len(set(lines)) == len(lines)


def test_a_continued_answer_begins_with_the_block_in_which_it_was_cut() -> None:
    paper = Paper(40, 12)
    before = "First.\n\nSecond, which was"
    GrowingAnswer(paper.console, before).finish(f"{before} cut.\n\nThird.")
    assert paper.draw() == ["Second, which was cut.", "", "Third."]


def test_another_answer_is_drawn_below_the_first() -> None:
    paper = Paper(40, 12)
    growing = GrowingAnswer(paper.console)
    growing.update("First.\n\nSecond.\n\nThird.\n")
    growing.finish("Something else.")
    assert paper.draw() == ["First.", "", "Second.", "", "Something else."]


def test_a_growing_answer_hides_the_cursor_no_longer_than_it_grows() -> None:
    paper = Paper(40, 12)
    growing = GrowingAnswer(paper.console)
    growing.update("Text")
    paper.draw()
    assert paper.terminal.screen.cursor.hidden
    growing.close()
    growing.close()
    paper.draw()
    assert not paper.terminal.screen.cursor.hidden


def test_nothing_is_drawn_for_an_answer_without_text() -> None:
    paper = Paper(40, 12)
    growing = GrowingAnswer(paper.console)
    growing.update(" \n")
    growing.finish("")
    assert paper.draw() == []
