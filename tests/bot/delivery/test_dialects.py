"""What a cut goes through is closed and reopened, in the dialect of the platform."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.delivery.rendering import Pages
from bot.delivery.splitting import Piece, Splitter
from bot.ports import AnswerState, Dialect, SurfaceLimits
from tests.bot.delivery.discord_markdown import literal_marks, shown
from tests.bot.delivery.markdown_texts import (
    GRAPHEMES,
    ITEMS,
    LETTERS,
    LIMITS,
    MARKED_TEXTS,
    SPACES,
    TEXTS,
    WORDS,
    chunks,
    split,
)
from tests.fake_surface import shows, utf16_units

Units = Callable[[str], int]
UNITS = st.sampled_from([len, utf16_units])
DIALECTS = st.sampled_from(list(Dialect))
RANDOMS = st.randoms(use_true_random=False)
ANY_TEXTS = TEXTS | st.lists(
    MARKED_TEXTS
    | TEXTS
    | st.sampled_from(["||", "```", "x ```py ", "`", "> ```sh\n> ", "|||", "\\"]),
    max_size=6,
).map("".join)
BALANCED_TEXTS = st.lists(
    MARKED_TEXTS | LETTERS | GRAPHEMES | SPACES | WORDS | ITEMS, min_size=1, max_size=6
).map("".join)
SIGNS = "|*_~`…"


def texts(text: str, max_units: int, dialect: Dialect = Dialect.DISCORD) -> list[str]:
    return [piece.text for piece in split(text, max_units, dialect=dialect)]


def formats(text: str) -> list[tuple[str, frozenset[str]]]:
    """Each visible character, and how Discord formats it."""
    return [(sign, style - {"quote"}) for sign, style in shown(text) if not sign.isspace()]


# ---------------------------------------------------------------- whatever the text


@given(MARKED_TEXTS, st.sampled_from([64, 100, 200, 1000]))
def test_every_word_looks_in_its_part_as_it_would_in_the_whole(text: str, limit: int) -> None:
    assert [sign for part in texts(text, limit) for sign in formats(part)] == formats(text)


@given(BALANCED_TEXTS, st.sampled_from([40, 64, 100, 200, 1000]), UNITS)
def test_every_part_of_a_balanced_answer_is_balanced_on_discord(
    text: str, limit: int, units: Units
) -> None:
    assume(literal_marks(text) == "")
    for piece in split(text, limit, units, Dialect.DISCORD):
        assert literal_marks(piece.text) == "", piece


@given(ANY_TEXTS, LIMITS, UNITS, DIALECTS)
def test_the_parts_are_the_answer_and_fit(
    text: str, limit: int, units: Units, dialect: Dialect
) -> None:
    pieces = split(text, limit, units, dialect)
    assert "".join(piece.raw for piece in pieces) == text
    assert all(units(piece.text) <= limit for piece in pieces)
    assert all(piece.text.strip() for piece in pieces if text.strip())
    assert shows([piece.text for piece in pieces], text)


@given(ANY_TEXTS, LIMITS, UNITS, DIALECTS, RANDOMS)
def test_how_a_text_arrives_makes_no_difference_in_any_dialect(
    text: str, limit: int, units: Units, dialect: Dialect, random: Random
) -> None:
    splitter, closed = Splitter(limit, units, dialect), list[Piece]()
    for chunk in chunks(text, random):
        splitter.feed(chunk)
        assert splitter.closed[: len(closed)] == closed
        for growing in (splitter.rest, splitter.rest_until(len(splitter.window), grows=True)):
            assert units(growing.text) <= limit
        closed = list(splitter.closed)
    assert [*splitter.closed, splitter.rest][: len(text) or 0] == split(text, limit, units, dialect)


@given(MARKED_TEXTS, st.sampled_from([64, 200, 1000]), RANDOMS)
def test_a_growing_message_never_shows_what_a_spoiler_hides(
    text: str, limit: int, random: Random
) -> None:
    hidden = [style for sign, style in formats(text) if sign not in SIGNS]
    pages = Pages(1, SurfaceLimits(limit, markdown=Dialect.DISCORD), "")
    for now, chunk in enumerate(chunks(text, random)):
        pages.write(chunk)
        pages.update(now)
        parts = [formats(pages.part(index).text) for index in range(pages.count)]
        seen = [style for part in parts for sign, style in part if sign not in SIGNS]
        for style, whole in zip(seen, hidden, strict=False):
            assert "spoiler" in style or "spoiler" not in whole


# ---------------------------------------------------------------- examples


CODE = "".join(f"line {n}\n" for n in range(30))


def test_a_code_block_that_begins_in_mid_line_is_closed_and_reopened_on_discord() -> None:
    parts = texts(f"Run this: ```bash\n{CODE}``` and wait.", 100)
    assert parts[0].startswith("Run this: ```bash\nline 0\n")
    assert all(part.endswith("\n```") for part in parts[:-1])
    assert all(part.startswith("```bash\nline") for part in parts[1:])
    assert parts[-1].endswith("\n``` and wait.")


def test_a_code_block_that_ends_in_mid_line_is_over_on_discord() -> None:
    code = "```py\n" + "x = 1\n" * 9 + "x = 1```\n"
    parts = texts(f"{code}{'Some words of prose. ' * 20}", 100)
    assert [part.count("```") for part in parts] == [2] + [0] * (len(parts) - 1)


def test_other_platforms_know_fences_only_as_lines() -> None:
    parts = texts(f"Run this: ```bash\n{'word ' * 60}", 100, Dialect.COMMONMARK)
    assert not any(part.startswith("```") for part in parts[1:])


def test_a_language_counts_only_before_a_line_break_on_discord() -> None:
    parts = texts(f"```bash {'word ' * 60}\n```", 100)
    assert all(part.startswith("```\nword") for part in parts[1:])


def test_a_code_block_in_a_quotation_stays_in_it() -> None:
    parts = texts("> ```sh\n" + "> run it\n" * 20 + "> ```\n", 100)
    assert all(part.startswith("> ```sh\n> run") for part in parts[1:])
    assert all(part.endswith("\n> ```") for part in parts)


def test_a_line_of_code_that_is_cut_in_a_quotation_stays_in_it() -> None:
    parts = texts("> ```sh\n> " + "run it " * 40 + "\n> ```\n", 100)
    assert all(part.startswith("> ```sh\n> run") for part in parts)
    assert all(part.endswith("\n> ```") for part in parts)


def test_a_spoiler_is_closed_and_reopened_across_paragraphs() -> None:
    parts = texts(f"||{'The butler. ' * 12}\n\n{'The cook. ' * 12}|| End.", 100)
    assert len(parts) > 2
    assert all(part.startswith("||") for part in parts)
    assert all(part.count("||") == 2 for part in parts)


def test_code_in_a_spoiler_is_closed_with_it() -> None:
    first, second = texts(f"||```py\n{CODE[:120]}```||", 100)
    assert first.endswith("\n```||")
    assert second.startswith("||```py\nline")
    assert second.endswith("```||")


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("mark", ["**", "*", "_", "__", "***", "~~", "`", "``"])
def test_a_mark_that_is_cut_is_closed_and_reopened(mark: str, dialect: Dialect) -> None:
    parts = texts(f"{mark}{'word ' * 40}word{mark} end", 100, dialect)
    assert len(parts) > 2
    for part in parts[:-1]:
        assert part.startswith(f"{mark}word")
        assert part.endswith(f"word{mark}")
    assert parts[-1].endswith(f"word{mark} end")


@pytest.mark.parametrize("dialect", list(Dialect))
@pytest.mark.parametrize("sign", ["5*x", "2 * x", "a_b", "~5", "\\*x", "x **"])
def test_what_opens_nothing_is_not_closed(sign: str, dialect: Dialect) -> None:
    parts = texts(f"{sign} {'word ' * 60}", 100, dialect)
    assert [part.strip("word ") for part in parts[1:]] == [""] * (len(parts) - 1)


@pytest.mark.parametrize("dialect", list(Dialect))
def test_emphasis_ends_with_its_paragraph(dialect: Dialect) -> None:
    parts = texts(f"**never closed\n\n{'word ' * 60}", 100, dialect)
    assert not any("**" in part for part in parts[1:])


def test_a_cut_is_moved_before_a_mark_that_encloses_nothing_yet() -> None:
    parts = texts(f"{'word ' * 18}**bold {'more ' * 20}**", 93)
    assert parts[0] == ("word " * 18).rstrip()
    assert parts[1].startswith("**bold")


def test_a_growing_code_block_is_closed_on_discord_and_a_spoiler_too() -> None:
    for text, shown_text in (
        ("```py\nx = 1", "```py\nx = 1\n```"),
        (f"||{'The butler. ' * 20}", f"||{('The butler. ' * 20).rstrip()}||"),
    ):
        pages = Pages(1, SurfaceLimits(1000, markdown=Dialect.DISCORD), "")
        pages.write(text)
        pages.update(0.0)
        assert pages.part(0).text == shown_text


def test_the_last_part_closes_only_what_it_reopened() -> None:
    assert texts("a || b **c", 100) == ["a || b **c"]
    assert texts("```py\nx", 100) == ["```py\nx\n```"]
    assert texts(f"**{'word ' * 30}", 100, Dialect.COMMONMARK)[-1].endswith("word**")


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("Run this: ```", "Run this: "),
        ("Run this: ```ba", "Run this: "),
        ("Run this: ```bash\n", "Run this: "),
        ("Run this: ```bash\nls", "Run this: ```bash\nls\n```"),
        ("```\nx = 1``", "```\nx = 1\n```"),
        ("```\nx = 1``` so", "```\nx = 1``` so"),
    ],
)
def test_a_code_block_on_discord_is_withheld_until_it_has_content(text: str, visible: str) -> None:
    pages = Pages(1, SurfaceLimits(1000, markdown=Dialect.DISCORD), "")
    pages.write(text)
    pages.update(0.0)
    assert pages.part(0).text == visible.rstrip()
    pages.end(AnswerState.DONE, "")
    pages.update(0.0)
    assert shows([pages.part(0).text], text)
