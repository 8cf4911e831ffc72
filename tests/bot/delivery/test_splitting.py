"""Answers are cut at the best positions, and no text is lost."""

from collections.abc import Callable
from random import Random

import pytest
import regex
from hypothesis import example, given
from hypothesis import strategies as st

from bot.delivery.markdown import closing
from bot.delivery.splitting import Piece, Splitter
from bot.ports import Dialect
from tests.bot.delivery.markdown_texts import GRAPHEMES, LIMITS, TEXTS, chunks, split
from tests.fake_surface import join as read
from tests.fake_surface import utf16_units

Units = Callable[[str], int]
UNITS = st.sampled_from([len, utf16_units])
RANDOMS = st.randoms(use_true_random=False)


def raw(pieces: list[Piece]) -> str:
    return "".join(piece.raw for piece in pieces)


def texts(text: str, max_units: int) -> list[str]:
    return [piece.text for piece in split(text, max_units)]


# ---------------------------------------------------------------- whatever the text


@given(TEXTS, LIMITS, UNITS)
def test_the_parts_joined_are_the_answer(text: str, limit: int, units: Units) -> None:
    assert raw(split(text, limit, units)) == text


@given(TEXTS, LIMITS, UNITS)
def test_every_part_fits_and_none_is_blank(text: str, limit: int, units: Units) -> None:
    pieces = split(text, limit, units)
    assert all(units(piece.text) <= limit for piece in pieces)
    assert all(piece.text.strip() for piece in pieces if text.strip())


@given(TEXTS, LIMITS, UNITS)
def test_a_part_lacks_only_whitespace_at_its_ends(text: str, limit: int, units: Units) -> None:
    for piece in split(text, limit, units):
        shown = piece.raw[piece.start : piece.stop]
        assert piece.text in ("", f"{piece.prefix}{shown}{piece.suffix}")
        assert (piece.raw[: piece.start] + piece.raw[piece.stop :]).strip() == ""


@given(TEXTS, LIMITS, UNITS, RANDOMS)
def test_a_closed_part_never_changes(text: str, limit: int, units: Units, random: Random) -> None:
    splitter, closed = Splitter(limit, units), list[Piece]()
    for chunk in chunks(text, random):
        splitter.feed(chunk)
        assert splitter.closed[: len(closed)] == closed
        assert units(splitter.rest.text) <= limit
        closed = list(splitter.closed)


@given(TEXTS, LIMITS, UNITS, RANDOMS)
def test_how_a_text_arrives_makes_no_difference(
    text: str, limit: int, units: Units, random: Random
) -> None:
    splitter = Splitter(limit, units)
    for chunk in chunks(text, random):
        splitter.feed(chunk)
    assert [*splitter.closed, splitter.rest][: len(text) or 0] == split(text, limit, units)


@given(TEXTS, LIMITS, st.integers(0, 2000))
def test_the_parts_of_a_beginning_are_the_parts_of_the_whole(
    text: str, limit: int, stop: int
) -> None:
    closed = split(text[:stop], limit)[:-1]
    assert split(text, limit)[: len(closed)] == closed


@given(GRAPHEMES, st.sampled_from([32, 40, 64]))
def test_no_grapheme_is_cut(text: str, limit: int) -> None:
    whole = regex.findall(r"\X", text)
    assert [
        g for piece in split(text, limit, utf16_units) for g in regex.findall(r"\X", piece.raw)
    ] == whole


@given(TEXTS, st.sampled_from([100, 200, 1000]))
@example(f"```{'x' * 98}\n?? \n```\n{'?' * 29}0\n````\n{'0' * 20}\n{'0' * 34}", 100)
def test_a_cut_leaves_no_fence_open(text: str, limit: int) -> None:
    longest = max((len(run) for run in regex.findall("`+|~+", text)), default=0)
    for piece in split(text, limit)[:-1]:
        assert longest > 20 or closing(piece.text) == "" or not piece.suffix


# ---------------------------------------------------------------- where it is cut


def test_a_short_text_is_one_part() -> None:
    assert split("Hello", 100) == [Piece("Hello", 0, 5)]
    assert split("", 100) == []
    assert [piece.text for piece in split(" \n ", 100)] == [""]


def test_paragraphs_come_first() -> None:
    text = f"{'One two. ' * 6}\n\nThree\nfour. Five. {'six ' * 20}"
    assert texts(text, 80)[0] == ("One two. " * 6).rstrip()


def test_then_lines() -> None:
    text = "\n".join(f"- item {n} is here. Yes" for n in range(9))
    assert all(part.endswith("Yes") and part.startswith("- item") for part in texts(text, 70))


def test_then_sentences() -> None:
    text = "A sentence of some words. " * 9
    assert all(part.endswith("words.") for part in texts(text, 80))


def test_then_words() -> None:
    assert texts("word " * 20, 32) == ["word word word word word word"] * 3 + ["word word"]


def test_then_graphemes() -> None:
    family = "👨‍👩‍👧‍👦"
    parts = texts(family * 10, 30)
    assert parts == [family * 4, family * 4, family * 2]
    assert texts("e\u0301" * 20, 17)[0] == "e\u0301" * 8


def test_a_grapheme_that_fits_nowhere_is_cut_at_last() -> None:
    monster = "a" + "\u0301" * 50
    assert "".join(texts(monster, 20)) == monster


def test_sentences_end_in_other_scripts_too() -> None:
    assert texts("你好世界你好世界。" * 4, 20) == ["你好世界你好世界。" * 2] * 2


def test_an_early_paragraph_does_not_leave_a_part_almost_empty() -> None:
    text = "Short.\n\n" + "A long paragraph follows here. " * 10
    assert len(texts(text, 100)[0]) > 50


def test_a_heading_goes_with_what_it_heads() -> None:
    text = f"{'Some words here. ' * 5}\n\n## Title\n\n{'More words. ' * 9}"
    assert texts(text, 100)[1].startswith("## Title\n\nMore")


def test_links_and_code_are_not_cut_where_another_place_is_near() -> None:
    text = "one two three four [five six](https://example.org/seven) eight nine"
    assert texts(text, 50)[0] == "one two three four"
    assert texts("one two three four five `six seven` eight nine ten", 33)[0].endswith("five")


def test_crlf_is_not_cut() -> None:
    text = "word\r\n" * 30
    assert not any(piece.raw.startswith("\n") for piece in split(text, 32))


def test_any_amount_of_whitespace_is_no_part() -> None:
    text = "a" + " " * 500 + "b" + "\n" * 500 + " " * 300 + "c"
    assert texts(text, 50) == ["a", "b", "c"]


def test_indentation_stays_and_blank_lines_before_a_part_go() -> None:
    assert split("\n \n  text", 50)[0].text == "  text"


def test_a_part_is_measured_as_the_platform_does() -> None:
    assert texts("👍" * 20, 20) == ["👍" * 20]
    assert [p.text for p in split("👍" * 20, 20, utf16_units)] == ["👍" * 10] * 2


def test_a_limit_too_small_for_text_is_refused() -> None:
    with pytest.raises(ValueError, match="8 units"):
        Splitter(8)


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize(
    "unit", ["A word. ", "x", " ", "\n", "*a ", "`a ", "x ```py ", "||a|| ", "- a\n"]
)
def test_the_work_is_in_proportion_to_the_length(
    unit: str, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = 0

    def units(text: str) -> int:
        nonlocal work
        work += len(text)
        return len(text)

    def piece(raw: str, start: int, stop: int, prefix: str = "", suffix: str = "") -> Piece:
        nonlocal work
        work += len(raw)
        return Piece(raw, start, stop, prefix, suffix)

    monkeypatch.setattr("bot.delivery.splitting.Piece", piece)
    costs = []
    for length in (10_000, 40_000):
        work = 0
        splitter = Splitter(1000, units, dialect)
        splitter.feed((unit * length)[:length] + "x")
        costs.append(work)
    assert costs[1] < 8 * costs[0]
    assert costs[1] < 400 * 40_000


# ---------------------------------------------------------------- fences and tables


CODE = "".join(f"line_{n} = {n}\n" for n in range(30))


def test_a_fence_is_closed_and_opened_again_with_its_language() -> None:
    parts = texts(f"```python numbered\n{CODE}```\nDone.", 120)
    assert len(parts) > 3
    assert all(part.startswith("```python") for part in parts)
    assert all(part.endswith("\n```") for part in parts[:-1])
    assert all("line_" in part for part in parts)
    assert parts[-1].endswith("```\nDone.")
    assert read(parts).replace(" numbered", "") == f"```python\n{CODE}```\nDone."


def test_the_added_lines_are_no_part_of_the_answer() -> None:
    first, second = split(f"~~~~\n{CODE[:150]}~~~~\n", 120)[:2]
    assert (first.prefix, first.suffix) == ("", "\n~~~~")
    assert second.prefix == "~~~~\n"
    assert second.raw.startswith("line_")


def test_code_is_cut_at_a_blank_line_and_keeps_it() -> None:
    code = "a = 1\n" * 10 + "\n" + "b = 2\n" * 10
    first, second = split(f"```\n{code}```", 100)
    assert first.text == "```\n" + "a = 1\n" * 10 + "```"
    assert second.text == "```\n\n" + "b = 2\n" * 10 + "```"


def test_a_fence_that_begins_late_is_left_whole() -> None:
    text = f"{'Some words. ' * 9}\n\nThe code:\n\n```py\n{CODE[:80]}```"
    first, second = texts(text, 160)
    assert "```" not in first
    assert second.startswith("```py\n")


def test_the_closing_fence_is_never_alone() -> None:
    for length in range(60, 110):
        parts = texts(f"```\n{'x' * 30}\n{'y' * (length - 40)}\n```\nThe end of it.", 80)
        assert not any(regex.fullmatch(r"```\n*```", part) for part in parts)
        assert not any(part.startswith("```\n```") for part in parts)


def test_an_empty_block_is_not_left_behind() -> None:
    text = f"{'x' * 40}\n```python\n{'y' * 50}\n```"
    assert texts(text, 70) == ["x" * 40, f"```python\n{'y' * 50}\n```"]


def test_a_long_line_of_code_does_not_leave_an_empty_block_behind() -> None:
    text = "```python\n" + "x" * 200 + "\n```"
    assert texts(text, 70)[0] == "```python\n" + "x" * 56 + "\n```"


def test_a_growing_part_has_room_for_what_closes_it() -> None:
    splitter = Splitter(100)
    for sign in f"```python\n{CODE}```\n> ```\n> {'x' * 95}":
        splitter.feed(sign)
        shown = splitter.rest.text
        assert len(shown) + len(closing(shown)) <= 100


def test_fences_in_lists_and_quotations_are_opened_again() -> None:
    listed = texts("1. Run\n   ```sh\n" + "   run it\n" * 20 + "   ```\n", 100)
    assert all(part.startswith("   ```sh\n") for part in listed[1:])
    assert all(part.endswith("\n   ```") for part in listed)
    quoted = texts("> ```sh\n" + "> run it\n" * 20 + "> ```\n", 100)
    assert all(part.startswith("> ```sh\n> run") for part in quoted)


def test_a_table_is_cut_between_rows_and_its_head_is_not_left_alone() -> None:
    rows = "".join(f"| row {n} | value |\n" for n in range(20))
    text = f"{'Some words here. ' * 4}\n\n| head | value |\n|---|---|\n{rows}"
    parts = texts(text, 110)
    assert parts[1].startswith("| head")
    assert all(line.endswith("|") for part in parts[1:] for line in part.splitlines())


def test_a_monstrous_fence_is_cut_like_other_text() -> None:
    text = "`" * 200 + "\n" + CODE
    assert raw(split(text, 100)) == text
    assert all(piece.suffix == "" for piece in split(text, 100))
