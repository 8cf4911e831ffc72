"""Texts for one person, in as many messages as they need."""

from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.private_replies import LONGEST, split


@given(st.lists(st.text(alphabet="ab \n", max_size=4000), max_size=12))
def test_a_long_text_is_whole_in_its_pieces(lines: list[str]) -> None:
    text = "\n".join(lines)
    pieces = split(text)
    assert "".join(pieces) == text
    assert all(0 < len(piece) <= LONGEST for piece in pieces) or text == ""
