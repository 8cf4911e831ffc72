"""Texts for one person, in as many messages as they need."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.private_replies import LONGEST, MOST_PIECES, shortened, split


@given(st.lists(st.text(alphabet="ab \n", max_size=4000), max_size=12))
def test_a_long_text_is_whole_in_its_pieces(lines: list[str]) -> None:
    text = "\n".join(lines)
    pieces = split(text)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= LONGEST for piece in pieces) or text == ""


def test_what_is_too_long_for_five_messages_says_so() -> None:
    text = "x" * 200_000  # a thought, say
    kept = shortened(split(text))
    assert len(kept) == MOST_PIECES
    assert "155,000 more characters" in kept[-1]
    assert all(len(piece) < 12_000 for piece in kept)
    assert shortened(split("x" * 45_000)) == split("x" * 45_000)
