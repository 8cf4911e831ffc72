"""The order in which positions for a cut are preferred."""

from collections.abc import Sequence

from bot.delivery.cutting import Line, choose_cut, line_at
from bot.delivery.markdown import Context, read_line


def lines_of(text: str) -> list[Line]:
    context, start, lines = Context(), 0, list[Line]()
    for line in text.splitlines(keepends=True):
        kind, after = read_line(line, context)
        lines.append(Line(start, kind, context))
        start, context = start + len(line), after
    return lines


def cut(head: str, forbidden: Sequence[int] = ()) -> int | None:
    return choose_cut(head, lines_of(head), 0, lambda offset: offset not in forbidden)


def test_a_worse_place_is_taken_where_the_better_one_does_not_fit() -> None:
    head = "One here.\n\nTwo. Three\nfour. Five six"
    line, sentence, word, block = 22, 28, 33, 11
    assert cut(head) == line  # the paragraph would leave the part less than half full
    assert cut(head, [line]) == sentence
    assert cut(head, [line, sentence]) == word
    assert cut(head, range(12, 37)) == block


def test_only_a_place_that_fits_is_taken() -> None:
    assert cut("abc", [1, 2]) is None
    assert cut("abc", [2]) == 1


def test_a_short_paragraph_is_better_than_half_a_word() -> None:
    assert cut("Short.\n\n" + "x" * 30) == 8


def test_a_line_is_found_by_any_offset_in_it() -> None:
    lines = lines_of("one\ntwo\n")
    assert [line_at(lines, offset).start for offset in (0, 3, 4, 7)] == [0, 0, 4, 4]
